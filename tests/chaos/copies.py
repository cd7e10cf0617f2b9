"""A client's copy of the rows of a subscription. It applies messages as the protocol says, and records all of them.

`checker` judges the records later. This module notes what can only be seen at the time: a wrong order, an action that
does not match the rows, rows of a former user.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.chaos.queries import Query, Row
from tests.chaos.users import User

Rows = dict[Any, Row]


class Begun(Enum):
    """Why a copy started again."""

    WANTED = "the client asked for a snapshot"
    INSTEAD = "a snapshot came for one who asked to go on from its position"
    UNASKED = "a snapshot came into a subscription that went on"
    OTHER_USER = "the line was authenticated as somebody else"
    REMEMBERED = "the client went back to what it had long ago"


@dataclass
class Run:
    """The updates since a snapshot or a resume, as (seq, action, data)."""

    user: User
    """The user of the client."""
    rows: Rows
    start: int
    """The position of `rows`."""
    epoch: str
    scope: Row
    """The scope of the rows, as the gateway sent it. The client sends it back with the position."""
    begun: Begun
    before: Run | None = None
    """The copy before this run, or the copy from which the client resumed."""
    answered_at: float = 0.0
    """When the gateway announced the run, in seconds since the Unix epoch. It had decided it by then."""
    updates: list[tuple[int, str, Row]] = field(default_factory=list)
    reached: int = 0
    """The position up to which the copy was complete."""

    def __post_init__(self) -> None:
        self.reached = self.start


class Copy:
    """A client's rows and their history. `user`: the user of the client, as the gateway last said."""

    def __init__(self, query: Query, user: User) -> None:
        self.user = user
        self.rows: Rows = {}
        self.runs: list[Run] = []
        self.violations: list[str] = []
        self.recoveries = 0
        self.subscription: str | None = None
        """Set while this connection has its subscription. Positions count only then."""
        self._resource = query.resource
        self._due: Begun | None = None
        """A snapshot is expected or incomplete. The rows are not valid until it is complete."""
        self._pending: Rows | None = None
        """The pages of the snapshot so far. None before the first page."""
        self._scope: Row = {}
        self._promised: Row | None = None
        """The position of the snapshot, if the gateway has already sent it."""
        self._answered_at = 0.0
        self._asked: Run | None = None
        """The run from which the subscription resumes."""
        self._ends = False
        """The gateway accepted the subscription and ends it in the next message."""

    @property
    def seq(self) -> int:
        return self.runs[-1].reached if self.runs else 0

    @property
    def whole(self) -> bool:
        """Whether the rows are complete and those of the present user."""
        return bool(self.runs) and self._due is None

    def connected(self, user: User) -> None:
        """There is a new connection."""
        self.user = user
        self.subscription = self._asked = None
        self._ends = False
        self._nothing_due()

    def go_back(self, run: Run, seq: int, rows: Rows) -> None:
        """Go back to the rows of `run` at `seq`."""
        self.rows = dict(rows)
        self.runs.append(Run(run.user, dict(rows), seq, run.epoch, run.scope, Begun.REMEMBERED))

    def since(self) -> Row:
        """The properties of a request that resumes from this copy."""
        self._asked = self.runs[-1]
        return {"since": {"epoch": self._asked.epoch, "seq": self.seq}, **self._asked.scope}

    def anew(self) -> Row:
        """The properties of a request for a snapshot."""
        self._asked = None
        return {"snapshot": True}

    def authenticated(self, user: User, subscribed: bool) -> None:
        """The gateway says that the client is `user` from now on. `subscribed`: it had, or was getting, the rows."""
        if user == self.user:
            return
        self.user = user
        if subscribed:
            self._nothing_due()
            self._expect(Begun.OTHER_USER)

    def not_subscribed(self) -> None:
        """The gateway refused the subscription that was asked for, also where the user changed meanwhile."""
        if self.subscription is None:
            self._nothing_due()

    def hear(self, message: Row) -> None:
        """Apply a message, except those about the user of the client."""
        kind = message["type"]
        if self._ends and kind != "unsubscribed":
            self.note(f"{message} after the answer to a subscription that is refused")
        match kind:
            case "subscribed":
                self._subscribed(message)
            case "unsubscribed":
                self._unsubscribed(message)
            case "snapshot" | "update" if message["subscription"] != self.subscription:
                self.note(f"{message} without such a subscription")
            case "snapshot":
                self._page(message)
            case "update":
                self._update(message)
            case "heartbeat" | "pong" if "position" in message:
                self._reached(message["position"])

    def note(self, what: str) -> None:
        self.violations.append(f"as {self.user.name}: {what}")

    def _subscribed(self, message: Row) -> None:
        self.subscription = message["subscription"]
        if self.user.refused(self._resource):  # the gateway accepted it before the user changed
            self._ends = True
            return
        position, asked = message["position"], self._asked
        if message["mode"] == "recovered":
            self.recoveries += 1
            if self._due is not None:
                self.note(f"recovered, but {self._due.value}")
            elif asked is None:
                self.note("recovered, but not asked for")
            elif (position["epoch"], position["seq"], _scope(message)) != (asked.epoch, asked.reached, asked.scope):
                self.note(f"recovered from {position}, having asked for {asked.epoch}:{asked.reached}")
            elif asked.user.right(self._resource) != self.user.right(self._resource):
                self.note(f"recovered from {position} with the rows of {asked.user.name}")
        elif message["mode"] == "snapshot":
            if self._due is None:
                self._expect(Begun.WANTED if asked is None else Begun.INSTEAD)
            self._promised = position
        else:
            self.note(f"an answer in the mode {message['mode']}")

    def _unsubscribed(self, message: Row) -> None:
        if "ref" not in message and not self.user.refused(self._resource):
            self.note(f"{message}, which the client did not ask for")
        self.subscription = None
        self._ends = False
        self._nothing_due()

    def _expect(self, snapshot: Begun) -> None:
        self._due, self._answered_at = snapshot, time.time()

    def _nothing_due(self) -> None:
        self._due = self._pending = self._promised = None

    def _page(self, page: Row) -> None:
        if self._due is None:
            self._expect(Begun.UNASKED)
        if page["reset"]:
            self._pending, self._scope = {}, _scope(page)
        elif self._pending is None:
            self.note("the rest of a snapshot whose beginning is not there")
            self._pending = {}
        for row in page["rows"]:
            assert self._pending is not None
            if row["id"] in self._pending:
                self.note(f"row {row['id']} twice in a snapshot")
            self._pending[row["id"]] = row
        if page["done"]:
            self._complete(page["position"])

    def _complete(self, position: Row) -> None:
        assert self._due is not None
        assert self._pending is not None
        if self._promised is not None and self._promised != position:
            self.note(f"a snapshot of {position}, having promised one of {self._promised}")
        before = self._asked if self._due is Begun.INSTEAD else self.runs[-1] if self.runs else None
        seq, epoch = position["seq"], position["epoch"]
        if before is not None and before.epoch == epoch and seq < before.reached:
            self.note(f"a snapshot of {seq}, though {before.reached} was reached")
        self.rows = self._pending
        rows = dict(self.rows)
        self.runs.append(Run(self.user, rows, seq, epoch, self._scope, self._due, before, self._answered_at))
        self._nothing_due()

    def _update(self, update: Row) -> None:
        seq, action, data = update["position"]["seq"], update["action"], update["data"]
        if not self.whole:
            self.note(f"update {seq} before the snapshot was complete")
            return
        if seq <= self.seq:
            self.note(f"update {seq} after {self.seq}")
        known = data["id"] in self.rows
        if known != (action != "create"):
            self.note(f"update {seq}: {action} of row {data['id']}, which {'is' if known else 'is not'} there")
        if action == "delete":
            self.rows.pop(data["id"], None)
        else:
            self.rows[data["id"]] = data
        self.runs[-1].updates.append((seq, action, data))
        self.runs[-1].reached = seq

    def _reached(self, position: Row) -> None:
        if self.subscription is None:
            return
        if not self.whole:
            self.note(f"{position} is told before the snapshot was complete")
        elif position["epoch"] == self.runs[-1].epoch:
            self.runs[-1].reached = max(self.seq, position["seq"])


def _scope(message: Row) -> Row:
    return {"scope": message["scope"]} if "scope" in message else {}
