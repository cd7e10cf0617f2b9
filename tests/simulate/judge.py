"""What a client is to hear, worked out from the log alone: the judge of what it does hear.

It shares no code with the gateway. For each query of each viewer it knows which changes concern it, what each of them
does to the client's copy, and which rows that copy has at any position.
"""

from __future__ import annotations

from bisect import bisect_right

from tests.simulate.database import Database
from tests.simulate.queries import Query, Row, Viewer

Told = tuple[int, str, Row]
"""(seq, action, data) of an update."""


class View:
    """One query with one viewer's eyes."""

    def __init__(self, database: Database, query: Query, viewer: Viewer) -> None:
        self._database = database
        self._query = query
        self._viewer = viewer
        self._read = 0
        self._told: list[Told] = []
        self._seqs: list[int] = []
        self._resets: list[int] = []

    def rows(self, seq: int) -> dict[int, Row]:
        """The copy at a position."""
        table = self._database.states[seq][self._query.resource]
        return {key: self._query.seen(row) for key, row in table.items() if self._has(row)}

    def next(self, after: int, upto: int) -> Told | None:
        """The first update with after < seq <= upto."""
        self._extend()
        found = bisect_right(self._seqs, after)
        return self._told[found] if found < len(self._seqs) and self._seqs[found] <= upto else None

    def reset(self, after: int, upto: int) -> bool:
        """Whether the log between the two does not tell all."""
        self._extend()
        return any(after < seq <= upto for seq in self._resets)

    def showed(self, row: Row) -> bool:
        """Whether it ever had this row."""
        self._extend()
        return any(row == data and action != "delete" for _, action, data in self._told)

    def _has(self, row: Row | None) -> bool:
        query = self._query
        return row is not None and query.matches(row) and self._viewer.may_see(query.resource, row)

    def _extend(self) -> None:
        log, query = self._database.log, self._query
        for change in log[self._read :]:
            if change is None or change.resource != query.resource:
                continue
            if change.action == "reset":
                self._resets.append(change.seq)
                continue
            was, is_now, told = self._has(change.old), self._has(change.new), None
            if is_now:
                assert change.new is not None
                new = query.seen(change.new)
                if not was:
                    told = change.seq, "create", new
                elif change.old is None or query.seen(change.old) != new:
                    told = change.seq, "update", new
            elif was:
                told = change.seq, "delete", {"id": change.key["id"]}
            if told is not None:
                self._told.append(told)
                self._seqs.append(change.seq)
        self._read = len(log)


class Judge:
    """All views of one history, and what was found wrong."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.violations: list[tuple[str, str]] = []
        """Whose it is, and what."""
        self.failures = False
        """Whether looks into the database fail now and then."""
        self._views: dict[tuple[Query, Viewer], View] = {}
        self._scopes: dict[tuple[str, Viewer], str | None] = {}

    def view(self, query: Query, viewer: Viewer) -> View:
        found = self._views.get((query, viewer))
        if found is None:
            found = self._views[query, viewer] = View(self.database, query, viewer)
        return found

    def wrong(self, whose: str, what: str) -> None:
        self.violations.append((whose, what))

    def scope_is_right(self, resource: str, viewer: Viewer, scope: str | None) -> bool:
        """The same for the same viewer, another for one who sees other rows, none for who sees all of them."""
        if self._scopes.setdefault((resource, viewer), scope) != scope:
            return False
        if (scope is None) != (viewer.clerk or resource == "items"):
            return False
        others = ((other, known) for (of, other), known in self._scopes.items() if of == resource and other != viewer)
        return scope is None or all(known != scope for _, known in others)
