"""The names of arrays in PyTorch, as data: a table for each family of networks whose names differ from ours."""
