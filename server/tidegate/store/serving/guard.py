"""Whether the change log still is the one that the gateway opened, and complete.

A database's own guard looks; this is what a store asks it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from tidegate.store.errors import CHANGED_TABLES, REPLACED


class Guard(ABC):
    """The common face of both databases' guards."""

    outdated = False
    """It is another log, for good: the gateway has to be restarted."""

    @property
    def damage(self) -> str | None:
        """Why nothing may be written at the moment, as `/readyz` says it."""
        return None

    @property
    @abstractmethod
    def incomplete(self) -> Collection[str]:
        """The resources whose changes the log may lack."""

    @property
    def problem(self) -> str | None:
        """What `/readyz` says; None while nothing is wrong."""
        if self.outdated:
            return f"the database {REPLACED}"
        if self.damage is not None:
            return self.damage
        return CHANGED_TABLES if self.incomplete else None
