"""Compares alternatives and conditions: `anyOf`, `oneOf`, `not`, `if`, `dependentSchemas`.

A change of an alternative is told where the two alternatives that belong together differ (see `mates`). Where none
belongs to it, the alternative was removed or is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema.compat.facts import UNIONS, Alternative, Facts
from tidegate.schema.compat.kinds import NUMBERS
from tidegate.schema.compat.mates import mate_of, told_apart
from tidegate.schema.compat.parts import Part, Parts
from tidegate.schema.compat.run import Run
from tidegate.schema.compat.words import several

MOST_VALUES = 24
"""An alternative whose tag has no more values than this is compared for each value."""
_KINDS: dict[str, dict[str, Any]] = {
    kind: {"type": kind} for kind in ("null", "boolean", "integer", "number", "string", "array", "object")
}
_TAGGED: dict[tuple[str, str], dict[str, Any]] = {}
"""Schemas for one kind of value, and for one value of a tag. One object each: recursion is noticed by objects."""


def of(piece: Part) -> list[str]:
    """The keywords of `piece` that list alternatives."""
    return [word for word in UNIONS if word in piece.words]


def each_alternative(run: Run, facts: Facts, piece: Part) -> None:
    """Compare the alternatives of `facts` one by one."""
    part, word = facts.unions[0]
    for index in range(len(part.words[word])):
        run.look(facts.choosing(Alternative(part, word, index)), piece)


def alternatives(run: Run, facts: Facts, piece: Part) -> Parts | None:
    """Values of `facts` must fit an alternative of `piece`. Returns those that surely hold.

    None: nothing more is to be said of `piece`, because the facts were split.
    """
    found: list[Part] = []
    for word in of(piece):
        branches = [piece.at(word, index) for index in range(len(piece.words[word]))]
        mate = mate_of(run, facts, branches)
        possible = [branch for branch in branches if not told_apart(run, facts, branch)]
        if mate is not None and all(branch.token == mate.token for branch in possible):
            run.require(facts, mate)
            chosen: Part | None = mate
        else:
            ordered = [mate, *possible] if mate else possible
            chosen = next((branch for branch in ordered if run.proven(facts, branch)), None)
        if chosen:
            found.append(chosen)
            if word == "oneOf" and not run.received:
                _one_alone(run, facts, [branch for branch in branches if branch.token != chosen.token])
            continue
        parts = list(_split(run, facts, branches))
        if len(parts) > 1:
            for part in parts:
                run.look(part, piece)
            return None
        if mate is None:
            _lost(run, facts, piece)
            return None
        run.require(facts, mate)
        found.append(mate)
    return tuple(found)


def conditions(run: Run, facts: Facts, piece: Part) -> None:
    """Values of `facts` must fit `not`, `if` and `dependentSchemas` of `piece`."""
    words = piece.words
    if "not" in words and not _excluded(run, facts, piece.at("not")):
        run.fault_of(facts, piece, "not")
    if "if" in words:
        _if(run, facts, piece)
    for name in words.get("dependentSchemas", {}) if "object" in facts.kinds else ():
        if not facts.absent(name):
            known = facts
            for part, said in facts.said("dependentSchemas"):
                known = known.and_also(part.at("dependentSchemas", name)) if name in said else known
            run.require(known, piece.at("dependentSchemas", name))


def _if(run: Run, facts: Facts, piece: Part) -> None:
    test = piece.at("if")
    known = {"then": facts.and_also(test), "else": facts}
    for part, _ in facts.said("if"):
        if run.equality.same(part.at("if"), test):
            for word in ("then", "else"):
                known[word] = known[word].and_also(part.at(word)) if word in part.words else known[word]
    for word in ("then", "else"):
        if word in piece.words:
            run.require(known[word], piece.at(word))


def _excluded(run: Run, facts: Facts, refused: Part) -> bool:
    """Whether surely no value of `facts` fits `refused`."""
    if _disjoint(run, facts, refused):
        return True
    before = [part.at("not") for part, _ in facts.said("not")]
    return any(run.equality.same(part, refused) or run.reaches_back(refused, part) for part in before)


def _one_alone(run: Run, facts: Facts, others: list[Part]) -> None:
    """`oneOf` refuses a value that fits another alternative too."""
    siblings = [part for chosen in facts.chosen if chosen.word == "oneOf" for part in chosen.siblings()]
    for other in others:
        if not _disjoint(run, facts, other) and not any(
            run.equality.same(part, other) or run.reaches_back(other, part) for part in siblings
        ):
            run.fault(other, "a value of another alternative may fit this one too, which oneOf refuses")


def _disjoint(run: Run, facts: Facts, other: Part) -> bool:
    """Whether surely no value of `facts` fits `other`."""
    theirs = run.alone(other)
    if not facts.kinds & theirs.kinds:
        return True
    if facts.kinds & theirs.kinds == {"object"}:
        for name in facts.required | theirs.required:
            mine, yours = facts.tag(name), theirs.tag(name)
            if mine is not None and yours is not None and not any(value in yours for value in mine):
                return True
            if facts.absent(name) or theirs.absent(name):
                return True
    return run.oracle.disjoint(facts.parts, theirs.parts)


def _split(run: Run, facts: Facts, branches: list[Part]) -> Iterator[Facts]:
    """The facts in parts: for each kind of value, or for each value of a tag."""
    if not facts.parts:
        return
    near = facts.parts[0]
    kinds = {"number" if facts.kinds >= NUMBERS and kind in NUMBERS else kind for kind in facts.kinds}
    if len(kinds) > 1 and any(run.alone(part).kinds != facts.kinds for part in branches):
        yield from (facts.and_also(near.instead(_KINDS[kind])) for kind in sorted(kinds))
        return
    for name in sorted(facts.required & facts.shape.names):
        values = facts.tag(name)
        if values and 1 < len(values) <= MOST_VALUES and any(run.alone(part).tag(name) for part in branches):
            yield from (facts.and_also(near.instead(_with_tag(name, value))) for value in islice(values, MOST_VALUES))
            return


def _with_tag(name: str, value: Any) -> dict[str, Any]:
    schema = {"properties": {name: {"const": value}}}
    return _TAGGED.setdefault((name, repr(value)), schema)


def _lost(run: Run, facts: Facts, piece: Part) -> None:
    """Report an alternative that no longer exists, or that older clients do not know."""
    if facts.chosen:
        part = facts.chosen[-1].part
        pointer, which = _which(facts, part)
        told = "clients do not know this alternative" if run.received else "clients may no longer send this alternative"
        run.fault(part, told + which, pointer)
    else:
        told = "clients do not know all alternatives" if run.received else "no alternative takes all that clients send"
        run.fault(run.place(facts, piece, of(piece)[0]), told, f"/{of(piece)[0]}")


def _which(facts: Facts, part: Part) -> tuple[str, str]:
    """The pointer of a tag of which the facts have some values only, and the words for it."""
    whole = Facts([part])
    for name in sorted(whole.required & whole.shape.names):
        values = facts.tag(name)
        if values != whole.tag(name) and values:
            return f"/properties/{escape(name)}", f" with {name} {several(values)}"
    return "", ""
