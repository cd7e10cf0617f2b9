"""Finds the alternative of one union that belongs to an alternative of another.

It has the same constant tag, or the same type by reference or title, or the same text, or the same place.
"""

from __future__ import annotations

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.parts import Part, inner_most
from tidegate.schema.compat.run import Run


def mate_of(run: Run, facts: Facts, branches: list[Part]) -> Part | None:
    """The alternative that belongs to the facts."""
    found = _by_tag(run, facts, branches) or _by_name(facts, branches)
    if found is not None:
        return found
    chosen = facts.chosen[-1] if facts.chosen else None
    if chosen is not None:
        same = [part for part in branches if run.equality.same(chosen.part, part)]
        if same:
            return same[0]
        if chosen.index < len(branches) and not told_apart(run, facts, branches[chosen.index]):
            return branches[chosen.index]
    fitting = [part for part in branches if not told_apart(run, facts, part)]
    return fitting[0] if len(fitting) == 1 else None


def _by_tag(run: Run, facts: Facts, branches: list[Part]) -> Part | None:
    """The alternative with the same constant tag, if a property tells the alternatives apart."""
    for name in sorted(facts.shape.names):
        mine = facts.tag(name)
        if mine is not None:
            tags = [(part, run.alone(part).tag(name)) for part in branches]
            with_tags = [(part, values) for part, values in tags if values is not None]
            found = [part for part, values in with_tags if any(value in values for value in mine)]
            if len(found) == 1 and (len(with_tags) > 1 or len(branches) == 1):
                return found[0]
    return None


def _by_name(facts: Facts, branches: list[Part]) -> Part | None:
    """The alternative of the same type, by its reference or its title."""
    if not facts.chosen:
        return None
    mine = _names(facts.chosen[-1].part)
    found = [part for part in branches if mine & _names(part)]
    return found[0] if len(found) == 1 else None


def _names(part: Part) -> set[str]:
    target = inner_most(part)
    found = {target.key + target.pointer} if "$ref" in part.words else set()
    return found | {title for title in (part.words.get("title"), target.words.get("title")) if title}


def told_apart(run: Run, facts: Facts, branch: Part) -> bool:
    """Whether kinds or tags say that `branch` is for other values."""
    theirs = run.alone(branch)
    if not facts.kinds & theirs.kinds:
        return True
    for name in facts.shape.names & theirs.shape.names:
        mine, yours = facts.tag(name), theirs.tag(name)
        if mine is not None and yours is not None and not any(value in yours for value in mine):
            return True
    return False
