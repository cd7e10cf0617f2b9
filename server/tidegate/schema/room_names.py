"""Sets of room names: whether names exist that match some patterns and no others, and which.

A pattern is an automaton whose states are its positions. The names are searched in all automata at once, shortest
first. https://en.wikipedia.org/wiki/Powerset_construction
Invariant: a name that is found matches as wanted; no name is found only if none exists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

from tidegate.schema.patterns import OPEN, Atom, atoms, compiled, filled, overlap

LONGEST = 128
"""The length of the longest room name, as in types/room_name.schema.json."""
STATES = 20_000
"""The search ends here, and answers as if a name existed."""
_FREE = "1ax0zq_Z~!"
"""Characters to fill `*` and parameters with."""

_ANY = Atom(None, repeated=True)
_State = tuple[frozenset[int], ...]


def common_name(old: Iterable[str], new: Iterable[str], was: str, now: str | None) -> str | None:
    """A room name to which the pattern `was` applies in the folder `old`, and `now` (None: no pattern) in `new`.

    `*` applies to the names that no other pattern of its folder matches; the other patterns of a folder do not overlap.
    """
    wanted = [pattern for pattern in (was, now) if pattern is not None and pattern != OPEN]
    refused = [pattern for pattern in old if pattern != OPEN] if was == OPEN else []
    refused += [pattern for pattern in new if pattern != OPEN] if now is None or now == OPEN else []
    if now is None and OPEN in new:
        return None
    return a_name(wanted, refused)


def a_name(wanted: list[str], refused: list[str]) -> str | None:
    """A valid room name that matches all of `wanted` and none of `refused`. None if there is none."""
    if any(not overlap(one, other) for one in wanted for other in wanted):
        return None
    near = [pattern for pattern in dict.fromkeys(refused) if all(overlap(pattern, one) for one in wanted)]
    for guess in (*(filled(pattern, fill) for pattern in wanted for fill in ("1", "a")), "1", "room"):
        if _valid(guess) and _as_wanted(guess, wanted, near):
            return guess
    return _searched(wanted, near)


def _searched(wanted: list[str], refused: list[str]) -> str | None:
    patterns = [*wanted, *refused]
    named = (letter for pattern in patterns for atom in atoms(pattern) for letter in (atom.letter, atom.excluded))
    letters = sorted({letter for letter in named if letter and _printable(letter)})
    letters += [
        next(letter for letter in map(chr, chain(map(ord, _FREE), range(0xA1, 0x3000))) if letter not in letters)
    ]
    start: _State = tuple(_closed(pattern, {0}) for pattern in patterns)
    seen, todo = {start}, deque([("", start)])
    while todo:
        name, state = todo.popleft()
        if name and _as_wanted(name, wanted, refused):
            return name
        if len(seen) > STATES:
            return (wanted or ["*"])[0]
        if len(name) == LONGEST:
            continue
        for letter in letters:
            after = tuple(_step(pattern, places, letter) for pattern, places in zip(patterns, state, strict=True))
            if after not in seen and all(after[: len(wanted)]):
                seen.add(after)
                todo.append((name + letter, after))
    return None


def _step(pattern: str, places: frozenset[int], letter: str) -> frozenset[int]:
    steps = atoms(pattern)
    return _closed(
        pattern,
        {
            place if steps[place].repeated else place + 1
            for place in places
            if place < len(steps) and (steps[place].letter or letter) == letter and steps[place].excluded != letter
        },
    )


def _closed(pattern: str, places: set[int]) -> frozenset[int]:
    """The places, and those that are reached without a letter. The last `*` makes the places before it needless."""
    steps = atoms(pattern)
    found = set(places)
    for place in sorted(places):
        here = place
        while here < len(steps) and steps[here].repeated:
            here += 1
            found.add(here)
    stars = [place for place in found if place < len(steps) and steps[place] == _ANY]
    last = max(stars, default=0)
    return frozenset(place for place in found if place >= last)


def _as_wanted(name: str, wanted: list[str], refused: list[str]) -> bool:
    return all(compiled(pattern).fullmatch(name) for pattern in wanted) and not any(
        compiled(pattern).fullmatch(name) for pattern in refused
    )


def _valid(name: str) -> bool:
    return 1 <= len(name) <= LONGEST and all(map(_printable, name))


def _printable(letter: str) -> bool:
    return not (letter < " " or "\x7f" <= letter <= "\x9f")
