"""Filters: the tree that a client's filter compiles to, and its reading in Python."""
