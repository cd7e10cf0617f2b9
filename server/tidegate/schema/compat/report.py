"""The differences of two schema folders, each at a place that exists, and each place once.

A fault of a schema that several messages use is reported where the schema stands, with its uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tidegate.json_pointer import escape, steps
from tidegate.schema.compat.parts import Part, Side
from tidegate.schema.compat.run import Fault

REASONS = 6
"""The most reasons that are given for one place."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A change of the contract. `breaking`: an older client can fail on it."""

    breaking: bool
    file: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"{'breaking' if self.breaking else 'note'}: {self.file}: {self.pointer or '/'}: {self.reason}"


@dataclass(slots=True)
class _Found:
    reasons: list[str] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)


class Report:
    """Collects differences."""

    def __init__(self, old: Side, new: Side) -> None:
        self._sides = (new, old)
        self._found: dict[tuple[bool, str, str], _Found] = {}

    def add(self, breaking: bool, file: str, pointer: str, reason: str, suffix: str = "") -> None:
        """Report a difference, once for each place and reason. `suffix`: for which rooms."""
        found = self._found.setdefault((breaking, file, pointer), _Found())
        if reason not in found.reasons:
            found.reasons.append(reason)
        if suffix and suffix not in found.suffixes:
            found.suffixes.append(suffix)

    def add_new(self, file: str, pointer: str, reason: str) -> None:
        """Report a difference that breaks clients, if its place has none yet."""
        if (True, file, pointer) not in self._found:
            self.add(True, file, pointer, reason)

    def add_faults(self, faults: Iterable[Fault], suffix: str = "", *, context: str = "") -> bool:
        """Report faults. `suffix`: for which rooms. `context`: where clients meet it, apart from what was
        reported before; a place that has a difference, or has one inside it, is not reported again.

        Returns whether a fault breaks clients.
        """
        known = set(self._found)
        breaking = False
        for fault in faults:
            breaking |= fault.breaking
            file, pointer = self._place(fault.part, fault.pointer)
            if context and any(self._is_known(one, fault, file, pointer) for one in known):
                continue
            self.add(fault.breaking, file, pointer, f"{context}: {fault.reason}" if context else fault.reason, suffix)
            if fault.part.use is not None:
                self._add_use((fault.breaking, file, pointer), fault.part)
        return breaking

    @staticmethod
    def _is_known(known: tuple[bool, str, str], fault: Fault, file: str, pointer: str) -> bool:
        breaking, known_file, place = known
        inside = place == pointer or (place.startswith(f"{pointer}/") and pointer != "")
        return (breaking, known_file) == (fault.breaking, file) and inside

    def differences(self) -> list[Difference]:
        """All differences, breaking ones first."""
        found = [
            Difference(breaking, file, pointer, _text(found))
            for (breaking, file, pointer), found in self._found.items()
        ]
        return sorted(found, key=lambda item: (not item.breaking, item.file, item.pointer, item.reason))

    def _add_use(self, key: tuple[bool, str, str], part: Part) -> None:
        assert part.use is not None
        user, pointer = part.use
        definition = part.side.definitions[user]
        use = f"{definition.file}: {definition.pointer}{_existing(part.side.schemas[user], pointer)}"
        if use not in self._found[key].uses:
            self._found[key].uses.append(use)

    def _place(self, part: Part, pointer: str) -> tuple[str, str]:
        """The file and the pointer of a place that exists, in the part's folder or in the other one."""
        whole = part.pointer + pointer
        definition = part.side.definitions[part.key]
        sides = [part.side, *(side for side in self._sides if side is not part.side)]
        for side in sides:
            if part.key in side.schemas and _existing(side.schemas[part.key], whole) == whole:
                return side.definitions[part.key].file, side.definitions[part.key].pointer + whole
        return definition.file, definition.pointer + _existing(part.side.schemas[part.key], whole)


def _existing(schema: Any, pointer: str) -> str:
    """The longest beginning of `pointer` that leads somewhere."""
    reached = ""
    for name in steps(pointer):
        if isinstance(schema, dict) and name in schema:
            schema = schema[name]
        elif isinstance(schema, list) and name.isdigit() and int(name) < len(schema):
            schema = schema[int(name)]
        else:
            break
        reached += f"/{escape(name)}"
    return reached


def _text(found: _Found) -> str:
    more = f"; and {len(found.reasons) - REASONS} more" if len(found.reasons) > REASONS else ""
    text = "; ".join(found.reasons[:REASONS]) + more
    return text + _in_brackets("", found.suffixes) + _in_brackets("used by ", found.uses)


def _in_brackets(before: str, texts: list[str]) -> str:
    if not texts:
        return ""
    others = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return f" ({before}{texts[0]}{others})"
