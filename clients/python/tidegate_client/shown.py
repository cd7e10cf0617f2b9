"""The rows of a subscription as live queries show them. Pure state, no I/O.

`Shown` shows what the gateway sent. A client with optimistic writes shows it with its own writes on top (`overlay`).
Invariant: an unchanged row is the same object in every state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .models import Change, Key, Row
from .pending import PendingWrite
from .rows import RowsState

__all__ = ["Shown"]


class Shown:
    """What the gateway sent, and nothing else."""

    lenient = False
    """Whether rows may lack what only the database knows."""

    def __init__(self, state: RowsState) -> None:
        self.state = state

    @property
    def rows(self) -> dict[Key, Row]:
        """The rows by key."""
        return self.state.rows

    def page(self, message: Mapping[str, Any], awaited: Iterable[str] = ()) -> list[Change[Row]]:
        """A page of a snapshot; `awaited`: see `RowsState.snapshot`."""
        return self.state.snapshot(message, awaited)

    def apply(self, message: Mapping[str, Any]) -> list[Change[Row]]:
        """An `update` of the gateway."""
        return self.state.update(message)

    def moved(self) -> list[Change[Row]]:
        """The position of the copy went on."""
        return []

    def cut(self) -> None:
        """The connection broke."""
        self.state.cut()

    def began(self, write: PendingWrite) -> list[Change[Row]]:
        """The program writes."""
        return []

    def answered(self, write: PendingWrite) -> list[Change[Row]]:
        """The gateway answered."""
        return []

    def failed(self, write: PendingWrite) -> list[Change[Row]]:
        """The write was refused, or its fate is not known."""
        return []

    def forget(self) -> None:
        """The rows belong to an identity that this client no longer has."""
        self.state.forget()
