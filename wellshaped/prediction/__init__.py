"""Prediction of a model on image files: read, fit or tile, write."""
