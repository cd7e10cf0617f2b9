"""The names of epochs. Positions of different epochs mean different changes.

It knows no database. Invariant: no two change logs get the same name.
"""

from __future__ import annotations

import secrets


def fresh_epoch() -> str:
    """A random name for a new epoch."""
    return secrets.token_urlsafe(9)
