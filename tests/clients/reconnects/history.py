"""What one client saw, and what an unbroken connection saw meanwhile.

Both clients write the same entries, as JSON: Python in this process, TypeScript in a program of Node.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Entry = dict[str, Any]
"""One of
    {"open": True}                                      a connection was opened
    {"change": [action, id, title]}                     a change of the live query; `reset` has neither id nor title
    {"rows": {id: title}, "seq": n}                     the rows, and the position at which they are
    {"message": offset, "text": text, "gap": gap}       a message of the room
"""


class History:
    """What one client saw, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.opened = asyncio.Semaphore(0)
        """Released each time the client opened a connection."""

    def see(self, entry: Entry) -> None:
        self.entries.append(entry)
        if "open" in entry:
            self.opened.release()


class Change(NamedTuple):
    """An update as the unbroken connection heard it."""

    seq: int
    action: str
    id: int
    title: str | None


@dataclass(slots=True)
class Reference:
    """What an unbroken connection heard: the truth that the clients are held to."""

    rows: dict[str, str] = field(default_factory=dict)
    """The rows of its snapshot, by key as JSON has it."""
    seq: int = 0
    """The position of the snapshot."""
    changes: list[Change] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    """Texts by offset."""

    def rows_at(self, seq: int) -> dict[str, str]:
        """The rows with all changes up to `seq`."""
        rows = dict(self.rows)
        for change in self.changes:
            if change.seq > seq:
                break
            if change.title is None:
                rows.pop(str(change.id), None)
            else:
                rows[str(change.id)] = change.title
        return rows
