"""Compares definitions of two folders in both directions, and reports what it finds."""

from __future__ import annotations

from tidegate.schema.compat.inclusion import look
from tidegate.schema.compat.notes import notes
from tidegate.schema.compat.parts import Equality, Part, Side
from tidegate.schema.compat.report import Report
from tidegate.schema.compat.run import Comparison
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.resource import JsonSchema


class Changes:
    """The comparisons of two folders, and their report."""

    def __init__(self, old: Schemas, new: Schemas) -> None:
        self._old, self._new = Side(old), Side(new)
        equality = Equality(self._old, self._new)
        self._sent = Comparison(self._old, self._new, equality, look, received=False)
        self._received = Comparison(self._old, self._new, equality, look, received=True)
        self.report = Report(self._old, self._new)

    def sent(self, was: Definition, now: Definition, *, suffix: str = "") -> bool:
        """Compare what clients send. Returns whether it breaks them."""
        old, new = self._roots(was, now)
        breaking = self.report.add_faults(self._sent.faults(old, new), suffix)
        self.report.add_faults(notes(old, new), suffix)
        return breaking

    def received(self, was: Definition, now: Definition, *, suffix: str = "") -> bool:
        """Compare what clients receive. Returns whether it breaks them."""
        old, new = self._roots(was, now)
        breaking = self.report.add_faults(self._received.faults(old, new), suffix)
        self.report.add_faults(notes(old, new), suffix)
        return breaking

    def derived_sent(
        self, was: Definition, now: Definition, old: JsonSchema, new: JsonSchema, *, context: str = ""
    ) -> None:
        """Compare schemas that clients send, and that were derived from `was` and `now`."""
        faults = self._sent.faults(self._old.root(was.key, old), self._new.root(now.key, new))
        self.report.add_faults(faults, context=context)

    def derived_received(self, was: Definition, now: Definition, old: JsonSchema, new: JsonSchema) -> None:
        """Compare schemas that clients receive, and that were derived from `was` and `now`."""
        self.report.add_faults(self._received.faults(self._old.root(was.key, old), self._new.root(now.key, new)))

    def notes(self, was: Definition, now: Definition) -> None:
        """Report what is only worth a note."""
        self.report.add_faults(notes(*self._roots(was, now)))

    def _roots(self, was: Definition, now: Definition) -> tuple[Part, Part]:
        return self._old.root(was.key), self._new.root(now.key)
