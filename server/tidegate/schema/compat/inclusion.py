"""Compares what some schemas say with what another one demands, keyword by keyword.

It takes listed values one by one, asks the library about small schemas, takes alternatives one at a time, and otherwise
lets the modules for texts and numbers, arrays, objects and alternatives look at their keywords.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.compat import arrays, objects, scalars, unions
from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.kinds import kinds_of_types
from tidegate.schema.compat.parts import Part
from tidegate.schema.compat.run import Run
from tidegate.schema.compat.words import lost_values


def look(run: Run, facts: Facts, piece: Part) -> None:
    """Every value of `facts` must fit the keywords of `piece`."""
    if not facts.kinds or not piece.demands or any(run.equality.same(part, piece) for part in facts.parts):
        return
    values = _values(run, facts)
    if values is not None:
        _each_value(run, facts, piece, values)
    elif piece.impossible:
        run.fault(run.place(facts, piece), "clients know no value here" if run.received else "no value fits any more")
    elif run.oracle.covers((piece,), facts.parts):
        return
    elif facts.unions:
        if unions.of(piece) or not run.proven(facts.without_unions(), piece):
            unions.each_alternative(run, facts, piece)
    else:
        _keywords(run, facts, piece)


def _keywords(run: Run, facts: Facts, piece: Part) -> None:
    if "type" in piece.words:
        allowed = kinds_of_types(piece.words["type"])
        if facts.kinds - allowed:
            run.fault_of(facts, piece, "type")
        if not facts.kinds & allowed:
            return
    branches = unions.alternatives(run, facts, piece)
    if branches is None:
        return
    scalars.values(run, facts, piece)
    arrays.items(run, facts, piece)
    objects.properties(run, facts, piece, branches)
    unions.conditions(run, facts, piece)


def _values(run: Run, facts: Facts) -> list[Any] | None:
    """All values of `facts`, if they are few and listed."""
    lists = [list(values) for _, values in facts.said("enum")] + [[value] for _, value in facts.said("const")]
    if not lists and facts.kinds <= {"null", "boolean"}:
        lists = [[None, True, False]]
    if not lists:
        return None
    return [value for value in min(lists, key=len) if run.oracle.fits(facts.parts, value, unknown=True)]


def _each_value(run: Run, facts: Facts, piece: Part, values: list[Any]) -> None:
    lost = [value for value in values if not run.oracle.fits((piece,), value)]
    if lost:
        word = next((word for word in ("enum", "const") if word in piece.words), "enum")
        run.fault(run.place(facts, piece, word), lost_values(facts, piece, lost, received=run.received))
