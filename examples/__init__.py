"""Examples that are whole: each file can be copied and changed. ``docs/training.md`` explains them."""
