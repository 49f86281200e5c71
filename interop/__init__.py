"""What comes in and goes out: exact sizes for networks that somebody wrote in JAX or PyTorch (SPEC section 11)."""
