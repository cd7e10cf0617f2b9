"""Python type expressions, and how msgspec lets them stand together in a union.

msgspec tells the members of a union apart by JSON type only, and it reads text as a number, a boolean or null where the
union has such a member and no `str`. So a union is built from its atoms, and what msgspec would confuse becomes wider.
Invariant: msgspec accepts every expression made here, and never takes a text for something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Atom = str | tuple[str | int, ...]
"""A type, or the values of a Literal."""

ANY, NONE, INT64, MAPPING, LIST = "Any", "None", "Int64", "dict[str, Any]", "list[Any]"
PLAIN = {"null": NONE, "boolean": "bool", "integer": "int", "number": "float", "string": "str"}
PLAIN |= {"array": LIST, "object": MAPPING}
"""The type of all values of a JSON type."""
_LIKE_A_NUMBER = re.compile(r"\s*[-+]?(\d|\.\d|inf|nan|infinity)[\w.+-]*\s*", re.IGNORECASE).fullmatch


@dataclass(frozen=True, slots=True)
class Expression:
    """A type as source text: the members of a union, or the one that it is."""

    members: tuple[str, ...]
    atoms: tuple[Atom, ...]
    """The members, with those of aliases instead of their names."""
    names: frozenset[str] = frozenset()
    """The generated types in the text."""

    @property
    def text(self) -> str:
        return " | ".join(sorted(self.members, key=lambda member: member == NONE))


def simple(text: str, names: Iterable[str] = ()) -> Expression:
    """The expression of one type."""
    return Expression((text,), (text,), frozenset(names))


def literal(values: Iterable[str | int]) -> Expression:
    """A Literal of texts and integers."""
    listed = tuple(dict.fromkeys(values))
    return Expression((_text(listed),), (listed,))


def union(members: Iterable[Expression]) -> Expression:
    """The union of `members`. It consists of its atoms if msgspec would confuse the members as they are."""
    listed = list(dict.fromkeys(members))
    if len(listed) == 1:
        return listed[0]
    atoms = tuple(dict.fromkeys(atom for member in listed for atom in member.atoms))
    names = frozenset(name for member in listed for name in member.names)
    if ANY in atoms:
        return simple(ANY)
    fitting = _fitting(atoms)
    if fitting == atoms and sum(isinstance(atom, tuple) for atom in atoms) < 2:
        texts = dict.fromkeys(text for member in listed for text in member.members)
        return Expression(tuple(texts), atoms, names)
    return Expression(tuple(map(_text, fitting)), fitting, names)


def _fitting(atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """`atoms` as msgspec keeps them apart."""
    values = tuple(dict.fromkeys(value for atom in atoms if isinstance(atom, tuple) for value in atom))
    others = [atom for atom in atoms if not isinstance(atom, tuple)]
    texts = any(isinstance(value, str) for value in values) or "str" in others
    numbers = any(isinstance(value, int) for value in values) or not {"int", "float"}.isdisjoint(others)
    if INT64 in others and (texts or numbers):
        others[others.index(INT64)] = "str"
        texts = True
    if values and (
        "str" in others or any(_confused(value, others, numbers) for value in values if isinstance(value, str))
    ):
        values, widened = tuple(value for value in values if isinstance(value, int)), ["str"]
        others += widened
    if not {"int", "float"}.isdisjoint(others):
        values = tuple(value for value in values if isinstance(value, str))
    found: list[Atom] = []
    for atom in atoms:
        wanted = values if isinstance(atom, tuple) else atom
        if wanted and (isinstance(wanted, tuple) or wanted in others) and wanted not in found:
            found.append(wanted)
    found += [atom for atom in dict.fromkeys(others) if atom not in found]
    return tuple(found)


def _confused(text: str, others: list[str], numbers: bool) -> bool:
    """Whether msgspec would read this text of a Literal as another member of the union."""
    low = text.strip().lower()
    if NONE in others and low == "null":
        return True
    if "bool" in others and low in {"true", "false", "1", "0"}:
        return True
    return numbers and _LIKE_A_NUMBER(text) is not None


def _text(atom: Atom) -> str:
    if isinstance(atom, str):
        return atom
    return f"Literal[{', '.join(map(source, atom))}]"


def source(value: str | int) -> str:
    """The literal in Python's source."""
    return ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
