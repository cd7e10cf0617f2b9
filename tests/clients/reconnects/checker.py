"""Whether a client saw over many broken connections what an unbroken connection heard: all of it, in order, once.

It is pure: histories in, violations out. A loss that the client told (`gap`) is no violation; it is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.clients.reconnects.history import Entry, Reference


@dataclass(slots=True)
class Judgement:
    """Of one client."""

    opens: int = 0
    changes: int = 0
    resets: int = 0
    checked_rows: int = 0
    messages: int = 0
    gaps: int = 0
    violations: list[str] = field(default_factory=list)


def judge(reference: Reference, history: list[Entry]) -> Judgement:
    """Hold one client's history against the reference. The client must have seen the end of both."""
    found = Judgement(opens=sum("open" in entry for entry in history))
    found.violations += _changes(reference, history, found)
    found.violations += _rows(reference, history, found)
    found.violations += _messages(reference, history, found)
    return found


def _changes(reference: Reference, history: list[Entry], found: Judgement) -> Iterator[str]:
    """Between two resets the changes are a slice of the reference: nothing is missing, doubled or in another order.

    Where the slice begins is not known after a reset, so each place where it may begin is followed.
    """
    truth = [[change.action, change.id, change.title] for change in reference.changes]
    everywhere = range(len(truth) + 1)
    places: list[int] = []
    last = 0
    for entry in history:
        if "change" not in entry:
            continue
        change = entry["change"]
        if change[0] == "reset":
            found.resets += 1
            places = [place for place in everywhere if place >= last]
            continue
        found.changes += 1
        followed = [place + 1 for place in places if place < len(truth) and truth[place] == change]
        if not followed:
            expected = [truth[place] for place in places[:1] if place < len(truth)]
            yield f"change {found.changes} is {change}, expected {expected}"
            followed = [number + 1 for number, known in enumerate(truth) if known == change]
        places = followed
        last = min(places, default=last)
    if found.resets == 0:
        yield "the rows never came"
    if places and len(truth) not in places:
        yield f"the changes end {len(truth) - max(places)} before the end"


def _rows(reference: Reference, history: list[Entry], found: Judgement) -> Iterator[str]:
    """At each position the rows are those of the reference at that position."""
    last = reference.seq
    for entry in history:
        if "rows" not in entry:
            continue
        found.checked_rows += 1
        if entry["seq"] < last:
            yield f"the rows went back from position {last} to {entry['seq']}"
        last = entry["seq"]
        expected = reference.rows_at(last)
        if entry["rows"] != expected:
            different = sorted(set(entry["rows"].items()) ^ set(expected.items()))
            yield f"the rows at position {last} differ: {different[:5]}"
    if reference.changes and last < reference.changes[-1].seq:
        yield f"the last rows are at position {last}, before the end"


def _messages(reference: Reference, history: list[Entry], found: Judgement) -> Iterator[str]:
    previous: int | None = None
    for entry in history:
        if "message" not in entry:
            continue
        found.messages += 1
        offset, text = entry["message"], entry["text"]
        if reference.messages.get(offset) != text:
            yield f"the message at {offset} is {text!r}, expected {reference.messages.get(offset)!r}"
        if previous is not None and offset <= previous:
            yield f"the message at {offset} came after the one at {previous}"
        elif previous is not None and offset > previous + 1:
            found.gaps += entry["gap"]
            if not entry["gap"]:
                yield f"{offset - previous - 1} messages before {offset} are missing, and no gap was told"
        previous = offset
    if previous != max(reference.messages, default=None):
        yield f"the last message is {previous}, not {max(reference.messages, default=None)}"
