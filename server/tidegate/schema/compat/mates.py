"""Finds the alternative of one union that belongs to an alternative of another.

It has the same constant tag, or the same type by reference or title, or the same text, or the same place.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.parts import Part, inner_most
from tidegate.schema.compat.run import Run

MOST_LEAVES = 500
"""The most alternatives of unions inside unions that are looked at."""


def mate_of(run: Run, facts: Facts, branches: list[Part]) -> Part | None:
    """The alternative that belongs to the facts."""
    found = _by_tag(run, facts, branches) or _by_name(run, facts, branches)
    if found is not None:
        return found
    chosen = facts.chosen[-1] if len(facts.chosen) == 1 else None
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
            tags = [(part, _tags(run, part, name)) for part in branches]
            with_tags = [(part, values) for part, values in tags if values is not None]
            found = [part for part, values in with_tags if any(value in values for value in mine)]
            if len(found) == 1 and (len(with_tags) > 1 or len(branches) == 1):
                return found[0]
    return None


def _by_name(run: Run, facts: Facts, branches: list[Part]) -> Part | None:
    """The alternative of the same type, by its reference or its title. It may be an alternative of an alternative."""
    for chosen in reversed(facts.chosen):
        mine = _names(chosen.part)
        found = [part for part in branches if any(mine & _names(leaf) for leaf in [part, *_leaves(run, part)])]
        if len(found) == 1:
            return found[0]
    return None


def _leaves(run: Run, branch: Part) -> list[Part]:
    """The alternatives inside an alternative."""
    found: list[Part] = []
    todo = [branch]
    while todo and len(found) < MOST_LEAVES:
        inner = [
            union.at(word, index) for union, word in run.alone(todo.pop()).unions for index in _indexes(union, word)
        ]
        found += inner
        todo += inner
    return found


def _indexes(union: Part, word: str) -> range:
    return range(len(union.words[word]))


def _tags(run: Run, branch: Part, name: str) -> list[Any] | None:
    """The values of a tag in `branch`, or in the alternatives inside it."""
    own = run.alone(branch).tag(name)
    if own is not None:
        return own
    inner = [values for leaf in _leaves(run, branch) if (values := run.alone(leaf).tag(name)) is not None]
    return [value for values in inner for value in values] or None


def _names(part: Part) -> set[str]:
    target = inner_most(part)
    found = {target.key + target.pointer} if "$ref" in part.words else set()
    return found | {title for title in (part.words.get("title"), target.words.get("title")) if title}


def told_apart(run: Run, facts: Facts, branch: Part, depth: int = 4) -> bool:
    """Whether kinds or tags say that `branch` is for other values."""
    theirs = run.alone(branch)
    if not facts.kinds & theirs.kinds:
        return True
    for name in facts.shape.names & theirs.shape.names:
        mine, yours = facts.tag(name), theirs.tag(name)
        if mine is not None and yours is not None and not any(value in yours for value in mine):
            return True
    return depth > 0 and any(
        all(told_apart(run, facts, union.at(word, index), depth - 1) for index in _indexes(union, word))
        for union, word in theirs.unions
    )
