"""How long the database may take."""

from __future__ import annotations

from typing import NamedTuple


class Timeouts(NamedTuple):
    """Seconds; 0 for no limit."""

    read: float = 5.0
    """That a read may wait for its turn, and then run (setting `read_timeout`)."""
    write: float = 5.0
    """That a write may wait and take (setting `write_timeout`)."""


TIMEOUTS = Timeouts()
