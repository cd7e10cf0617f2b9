"""A client's copy of the rows of one query, kept as the protocol says, and held against the truth at every step.

Whenever the copy gets a position, everything up to there must have been heard: each change that concerns it once, in
order, with the content that its viewer may see. So each message is judged when it is read, not only the outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulate.judge import Judge, View
from tests.simulate.queries import Query, Row, Viewer
from tests.simulate.store import EPOCH

Message = dict[str, Any]


@dataclass
class Asked:
    """A `subscribe` under way, and what the client had when it sent it."""

    copy: Copy
    since: Message | None
    rows: dict[int, Row] | None
    head: int
    """Where the log ended: rows that are sent for it are not older."""
    by_another: bool = False
    """Meanwhile the client has become another user."""


class Copy:
    """`wrong` is told what is wrong with what was heard."""

    def __init__(self, query: Query, wanted: bool, judge: Judge, wrong: Callable[[str], None]) -> None:
        self.query = query
        self.wanted = wanted
        """Whether the rows are wanted, or only what happens to them."""
        self.position: int | None = None
        """Where `rows` is the truth; None while it is not."""
        self.scope: str | None = None
        self.rows: dict[int, Row] | None = None
        """None where only changes are known."""
        self.id: str | None = None
        """The subscription's id, while there is one that was answered."""
        self.asked = False
        """A request for it is under way, or it is subscribed to."""
        self.denied = False
        """The viewer may not have it."""
        self.stale = False
        """The viewer has become another: the rows are not for its eyes, and others must come."""
        self._kept: tuple[int, str | None, dict[int, Row] | None] | None = None
        self._pages: dict[int, Row] | None = None
        self._promised: int | None = None
        """The position of the snapshot that was announced."""
        self._oldest = 0
        """Where the log ended when the rows were asked for: what was written by then is among them."""
        self._loading = False
        self._judge = judge
        self._wrong = wrong

    @property
    def complete(self) -> bool:
        return self.id is not None and not self._loading and not self.stale and self.position is not None

    def request(self) -> Message:
        """What to send to go on from here."""
        message: Message = {"resource": self.query.resource, "snapshot": self.wanted}
        if self.query.filters:
            message["filters"] = self.query.filters
        if self.query.fields is not None:
            message["fields"] = list(self.query.fields)
        if self.position is not None:
            message["since"] = {"epoch": EPOCH, "seq": self.position}
            if self.scope is not None:
                message["scope"] = self.scope
        return message

    def cut(self, viewer: Viewer) -> None:
        """The line broke, or the subscription ended: half a snapshot is worth nothing."""
        self._abandon_pages(viewer)
        self.id = self._promised = None
        self.asked = self.stale = self._loading = False

    def keep(self) -> None:
        """Write the copy down."""
        if self.complete and self.position is not None:
            self._kept = self.position, self.scope, None if self.rows is None else dict(self.rows)

    def go_back(self) -> None:
        """All that is left is what was written down."""
        if self.id is None and self._kept is not None:
            position, scope, rows = self._kept
            self.position, self.scope, self.rows = position, scope, None if rows is None else dict(rows)

    def disown(self, viewer: Viewer) -> None:
        """`viewer` is no longer who looks at it."""
        self._abandon_pages(viewer)
        self._promised = None
        self.stale = self.id is not None

    # -- what is heard ----------------------------------------------------------------------------------------------

    def subscribed(self, message: Message, asked: Asked, viewer: Viewer) -> None:
        """The answer to a request, or to an equal one."""
        mode, position = message["mode"], message["position"]["seq"]
        if message["resource"] != self.query.resource:
            self._wrong(f"{self.query} is answered with {message['resource']}")
        if not asked.by_another:
            self._scoped(message, viewer)
        if self.id is not None and message["subscription"] != self.id:
            self._wrong(f"{self.query} is {self.id} already, and now {message['subscription']}")
        if self.id is not None and mode == "live":
            self.passed(position, viewer)
        if self.id is not None:
            return
        self.id = message["subscription"]
        view = self._judge.view(self.query, viewer)
        match mode:
            case "snapshot":
                self._loading, self._promised, self.position = True, position, None
                self._oldest = asked.head
            case "recovered":
                if asked.since != message["position"]:
                    self._wrong(f"{self.query} is recovered from {message['position']}, asked for {asked.since}")
                self.position, self.rows = position, asked.rows
                if not asked.by_another:  # else the end of the subscription, or a snapshot, is what follows
                    self._compare(view, position)
            case "live":
                if self.wanted or asked.since is not None:
                    self._wrong(f"{self.query} is live at {position} without what was asked for")
                self.position, self.rows = position, None
        self.scope = message.get("scope")

    def page(self, message: Message, viewer: Viewer) -> None:
        """Rows of a snapshot; with the last page they take the place of those there were."""
        if message["reset"]:
            if self._pages is not None:
                self._abandon_pages(viewer)
                self._promised = None
            if not self._loading and not self.stale and not self._explained():
                self._wrong(f"a snapshot of {self.query} that the client did not ask for, and that no reset explains")
            self._loading, self._pages, self.position, self.stale = True, {}, None, False
            self.scope = message.get("scope")
            self._scoped(message, viewer)
        if self._pages is None or self.stale:
            self._wrong(f"a page of {self.query} without the first one")
            return
        for row in message["rows"]:
            if row["id"] in self._pages:
                self._wrong(f"row {row['id']} twice in a snapshot of {self.query}")
            self._pages[row["id"]] = row
        if message["done"]:
            self._done(message, viewer)
        elif "position" in message:
            self._wrong("a position before the last page")

    def _done(self, message: Message, viewer: Viewer) -> None:
        position = message["position"]["seq"]
        if self._promised is not None and self._promised != position:
            self._wrong(f"a snapshot of {self.query} was announced at {self._promised} and is of {position}")
        if position < self._oldest:
            self._wrong(f"a snapshot of {position}, although {self._oldest} was written before it was asked for")
        self.rows, self._pages, self._promised = self._pages, None, None
        self.position, self._loading = position, False
        self._compare(self._judge.view(self.query, viewer), position)

    def updated(self, message: Message, viewer: Viewer) -> None:
        """A change; it must be the very next one."""
        seq, action, data = message["position"]["seq"], message["action"], message["data"]
        if self.position is None or self.stale:
            self._wrong(f"an update of {self.query} while its rows are loading: {seq} {action} {data}")
            return
        view = self._judge.view(self.query, viewer)
        expected = view.next(self.position, max(seq, self._judge.database.head))
        if view.reset(self.position, seq):
            self._wrong(f"{self.query} from {self.position} to {seq}, past a reset without a snapshot")
        if expected != (seq, action, data):
            self._wrong(f"{self.query} after {self.position}: {(seq, action, data)} instead of {expected}")
        if self.rows is not None:
            if action == "delete":
                self.rows.pop(data["id"], None)
            else:
                self.rows[data["id"]] = data
        self.position = max(self.position, seq)

    def passed(self, position: int, viewer: Viewer) -> None:
        """The gateway says that everything up to `position` was sent."""
        if self.stale:
            self._wrong(f"position {position} before {self.query} has the rows that {viewer} may see")
        elif self.id is not None and not self._loading:
            self._pass(self._judge.view(self.query, viewer), position)

    def check(self, viewer: Viewer) -> None:
        """At the end: the rows are the table's."""
        head = self._judge.database.head
        if not self.complete or self.position is None or self.position < head:
            self._wrong(f"{self.query} is stuck at {self.position}, the log ends at {head}")
        else:
            self._compare(self._judge.view(self.query, viewer), head)

    # -- within -----------------------------------------------------------------------------------------------------

    def _scoped(self, message: Message, viewer: Viewer) -> None:
        if not self._judge.scope_is_right(self.query.resource, viewer, message.get("scope")):
            self._wrong(f"the scope of {self.query} is {message.get('scope')} for {viewer}")

    def _pass(self, view: View, position: int) -> None:
        if self.position is None:
            return
        if position > self._judge.database.head:
            self._wrong(f"position {position}, but the log ends at {self._judge.database.head}")
        missed = view.next(self.position, position)
        if missed is not None:
            self._wrong(f"{self.query} at {self.position} is told {position}, but not {missed}")
        if view.reset(self.position, position):
            self._wrong(f"{self.query} from {self.position} to {position}, past a reset without a snapshot")
        self.position = max(self.position, position)

    def _compare(self, view: View, position: int) -> None:
        if position > self._judge.database.head:
            self._wrong(f"position {position}, but the log ends at {self._judge.database.head}")
        elif self.rows is not None and self.rows != (rows := view.rows(position)):
            self._wrong(f"the rows of {self.query} at {position} are {self.rows}, not {rows}")

    def _explained(self) -> bool:
        """Whether the log has a reset ahead, or was pruned there."""
        judge, after = self._judge, self.position or 0
        return judge.database.pruned_to > after or any(
            change is not None and change.action == "reset" and change.resource == self.query.resource
            for change in judge.database.log[after:]
        )

    def _abandon_pages(self, viewer: Viewer) -> None:
        """Pages that were never finished: nothing in them may be a stranger's."""
        pages, self._pages = self._pages, None
        if pages:
            view = self._judge.view(self.query, viewer)
            for row in pages.values():
                if not view.showed(row):
                    self._wrong(f"{viewer} sees {row} among {self.query}")
