"""The four channels-last systems of SPEC section 7."""
