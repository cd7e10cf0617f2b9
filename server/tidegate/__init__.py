"""Tidegate: a schema-first real-time gateway. Start at `app.py`, the one place where its parts meet."""

__version__ = "0.1.0"
