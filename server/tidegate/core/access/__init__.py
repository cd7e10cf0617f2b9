"""Permissions: the `x-access` rules, and row rules bound to one user."""
