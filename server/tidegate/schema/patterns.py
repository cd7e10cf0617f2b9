"""Room patterns: `*` matches any characters, also none; a parameter, `{name}`, matches one or more characters.

A parameter ends where the text after it begins: in `doc-{doc_id}-{part}` no `doc_id` has a `-`. So the parameters of a
room's name have one reading at most.
Invariant: `overlap(a, b)` is true exactly if a name exists that matches both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

OPEN = "*"
"""The pattern that may overlap all others. It applies to rooms that no other pattern matches."""
PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Atom(NamedTuple):
    """One step of a pattern: a letter, or any letter but one."""

    letter: str | None
    """None: any letter but `excluded`."""
    excluded: str = ""
    repeated: bool = False
    """Any number of such letters, also none."""


def parameters(pattern: str) -> tuple[str, ...]:
    """The names of the parameters, in their order."""
    return tuple(PARAMETER.findall(pattern))


def reader(pattern: str) -> Callable[[str], Mapping[str, str]]:
    """The function that reads the parameters of a room's name. Of a name that does not match there are none."""
    expression = compiled(pattern)

    def read(name: str) -> Mapping[str, str]:
        found = expression.fullmatch(name)
        return {} if found is None else found.groupdict()

    return read


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for `fullmatch`, with a group for each parameter."""
    return re.compile("".join(_expression(*part) for part in _parts(pattern)), re.DOTALL)


@lru_cache(maxsize=1024)
def atoms(pattern: str) -> tuple[Atom, ...]:
    """The steps of the pattern."""
    found: list[Atom] = []
    for text, following in _parts(pattern):
        if text == OPEN:
            found.append(Atom(None, repeated=True))
        elif PARAMETER.fullmatch(text):
            found += [Atom(None, following), Atom(None, following, repeated=True)]
        else:
            found += map(Atom, text)
    return tuple(found)


def filled(pattern: str, filling: str) -> str:
    """The pattern with `filling` in place of each `*` and each parameter."""
    return "".join(filling if text == OPEN or PARAMETER.fullmatch(text) else text for text, _ in _parts(pattern))


def texts(pattern: str) -> list[str]:
    """What stands before, between and after the places of the pattern that may vary."""
    found = [""]
    for text, _ in _parts(pattern):
        if text == OPEN or PARAMETER.fullmatch(text):
            found.append("")
        else:
            found[-1] += text
    return found


def separators(pattern: str) -> dict[str, str]:
    """By parameter: the character that none of its values has, because it ends the parameter; "" for none."""
    return {text[1:-1]: following for text, following in _parts(pattern) if PARAMETER.fullmatch(text)}


@lru_cache(maxsize=1024)
def overlap(left: str, right: str) -> bool:
    """Whether a name exists that matches both patterns."""
    one, other = atoms(left), atoms(right)
    seen, todo = {(0, 0)}, [(0, 0)]
    while todo:
        here, there = todo.pop()
        if here == len(one) and there == len(other):
            return True
        steps = []
        if here < len(one) and one[here].repeated:
            steps.append((here + 1, there))
        if there < len(other) and other[there].repeated:
            steps.append((here, there + 1))
        if here < len(one) and there < len(other) and _share(one[here], other[there]):
            steps.append((here + (not one[here].repeated), there + (not other[there].repeated)))
        todo += [step for step in steps if step not in seen]
        seen.update(steps)
    return False


def _share(one: Atom, other: Atom) -> bool:
    """Whether a letter exists that both match."""
    if one.letter is not None and other.letter is not None:
        return one.letter == other.letter
    if one.letter is None and other.letter is None:
        return True
    return (one.letter or other.letter) != (one.excluded or other.excluded)


def _parts(pattern: str) -> list[tuple[str, str]]:
    """(`*`, a parameter with its braces or a text, the first character of the text that follows it)."""
    found: list[str] = []
    end = 0
    for place in re.finditer(rf"\*|{PARAMETER.pattern}", pattern):
        found += [text for text in (pattern[end : place.start()], place[0]) if text]
        end = place.end()
    found += [pattern[end:]] if end < len(pattern) else []
    after = [*found[1:], ""]
    return [
        (text, "" if following == OPEN or PARAMETER.fullmatch(following) else following[:1])
        for text, following in zip(found, after, strict=False)
    ]


def _expression(text: str, following: str) -> str:
    if text == OPEN:
        return ".*"
    if name := PARAMETER.fullmatch(text):
        return f"(?P<{name[1]}>{f'[^{re.escape(following)}]' if following else '.'}+)"
    return re.escape(text)
