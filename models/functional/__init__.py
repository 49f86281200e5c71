"""The operations of the network as plain functions over ``(C, H, W)``, their gradients, and shared errors."""
