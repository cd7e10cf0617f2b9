"""What a schema says of a whole row: judged on rows as they are in the table after a client wrote them.

A request has only a part of the row: an update has the changed properties, and the database adds defaults to a new row.
So the store asks here, within the transaction of the mutation. This module knows no database.
Invariant: a violation holds no value of the row, and says of a `writeOnly` property that the client did not send no
more than that a rule is broken.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import UNEXPLAINED, violations
from tidegate.json_pointer import escape
from tidegate.schema import Resource, derive
from tidegate_protocol import Violation

Row = dict[str, Any]
HIDDEN = "the resulting row breaks a rule of its schema"
"""The text of a violation inside a `writeOnly` property that the client did not send."""


class RowRules:
    """The conditions on the whole rows of one resource."""

    def __init__(self, resource: Resource, schema: dict[str, Any]) -> None:
        self._validator = Compiler(dict(resource.definitions)).schema(schema)
        self._names = {escape(name): name for name in resource.properties}
        self._hidden = {name for name, prop in resource.properties.items() if prop.write_only}

    def violations(self, row: Row, sent: Collection[str], at: str) -> list[Violation]:
        """The violations of `row`, at most ten.

        `sent`: the properties that the client sent, as the object at the pointer `at` of its message. A violation in
        another property has the pointer of that object.
        """
        if self._validator.is_valid(row):
            return []
        found = violations(self._validator, row, known=frozenset(row))
        if not found:
            return [Violation(pointer=at, keyword="schema", message=UNEXPLAINED)]
        return [self._in_message(violation, sent, at) for violation in found]

    def _in_message(self, violation: Violation, sent: Collection[str], at: str) -> Violation:
        _, _, rest = violation.pointer.partition("/")
        name = self._names.get(rest.partition("/")[0]) if violation.pointer else None
        if name is None:
            message = f"the resulting row {violation.message}"
        elif name in sent:
            return Violation(pointer=at + violation.pointer, keyword=violation.keyword, message=violation.message)
        else:
            message = HIDDEN if name in self._hidden else f"{name} of the resulting row {violation.message}"
        return Violation(pointer=at, keyword=violation.keyword, message=message)


def row_rules(resource: Resource) -> RowRules | None:
    """The rules of the resource. None if its schema says nothing of a whole row."""
    schema = derive.row_rules(resource)
    return None if schema is None else RowRules(resource, schema)
