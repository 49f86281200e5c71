"""What :func:`wellshaped.interop.fitted` is made of: where the sizes come from, how arrays are padded and cut."""
