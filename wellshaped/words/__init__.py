"""What users type and read, without a command line: fields, numbers, shapes, sizes and fixes in words."""
