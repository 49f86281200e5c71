"""Layers over ``(C, H, W)`` images, as modules and as plain functions, with their explicit gradients."""
