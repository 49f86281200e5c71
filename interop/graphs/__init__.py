"""Graphs of networks that somebody wrote: read at several sizes, compared, and written as operations."""
