"""The types of TypeScript as values, and their text: unions, tuples, objects, literals, names and comments.

It knows no schema.
Invariant: any text of a schema becomes valid TypeScript, whatever letters it has: it ends no string and no comment.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*").fullmatch
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Word:
    """A type that is one word or one literal. `of`: the type that a literal belongs to."""

    text: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Union:
    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Intersection:
    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Array:
    item: Node


@dataclass(frozen=True, slots=True)
class Tuple:
    """`rest`: the type of any further items. None: there are none."""

    required: tuple[Node, ...]
    optional: tuple[Node, ...] = ()
    rest: Node | None = None


@dataclass(frozen=True, slots=True)
class Doc:
    """What a comment says."""

    text: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A property. Its comment does not count when types are compared."""

    name: str
    node: Node
    optional: bool
    doc: Doc = field(default=Doc(), compare=False)


@dataclass(frozen=True, slots=True)
class Object:
    """`indexes`: (type of the names, type of the values) of properties that have no name here."""

    members: tuple[Member, ...] = ()
    indexes: tuple[tuple[str, Node], ...] = ()


Node = Word | Union | Intersection | Array | Tuple | Object

UNKNOWN = Word("unknown")
NEVER = Word("never")
UNDEFINED = Word("undefined")
ANY_NAME = "string"
OPEN = Object(indexes=((ANY_NAME, UNKNOWN),))
"""An object with any properties."""
EMPTY = Object(indexes=((ANY_NAME, NEVER),))
"""An object without properties."""


def union(nodes: Iterable[Node]) -> Node:
    """The union, without members that another member includes."""
    members = list(dict.fromkeys(member for node in nodes for member in _members(node)))
    words = {member.text for member in members if isinstance(member, Word)}
    left = [one for one in members if one != NEVER and not (isinstance(one, Word) and one.of in words)]
    if UNKNOWN in left:
        return UNKNOWN
    return left[0] if len(left) == 1 else Union(tuple(left)) if left else NEVER


def literal_node(value: Any) -> Node:
    """The type of one JSON value."""
    if isinstance(value, dict):
        return (
            Object(tuple(Member(name, literal_node(each), False) for name, each in value.items())) if value else EMPTY
        )
    if isinstance(value, list):
        return Tuple(tuple(map(literal_node, value)))
    if isinstance(value, float) and not math.isfinite(value):
        return Word("number")
    of = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
    return Word(literal(value), "" if value is None else of)


def literal(value: Any) -> str:
    """A JSON value as a literal type or expression."""
    return "".join(map(_printable, json.dumps(value, ensure_ascii=False)))


def property_name(name: str) -> str:
    """`name` as the name of a property in an interface, quoted if necessary."""
    return name if _IDENTIFIER(name) else literal(name)


def template(*parts: str) -> str:
    """The type of the texts that have these parts in this order, with any text between two of them."""
    parts = tuple(part.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$") for part in parts)
    return "`" + "${string}".join("".join(map(_printable, part)) for part in parts) + "`"


def text_of(node: Node, indent: str = "") -> str:
    """The type expression. Nested objects are indented below `indent`."""
    match node:
        case Word():
            return node.text
        case Union():
            return " | ".join(_operand(member, indent) for member in node.members)
        case Intersection():
            return " & ".join(_operand(member, indent) for member in node.members)
        case Array():
            return f"{_operand(node.item, indent)}[]"
        case Tuple():
            items = [text_of(item, indent) for item in node.required]
            items += [f"{_operand(item, indent)}?" for item in node.optional]
            items += [] if node.rest is None else [f"...{_operand(node.rest, indent)}[]"]
            return f"[{', '.join(items)}]"
        case Object():
            return _object_text(node, indent)


def jsdoc(doc: Doc, indent: str) -> str:
    """The comment. Empty if it says nothing."""
    lines = [_comment_line(line) for line in doc.text.strip().splitlines()]
    lines += ["@deprecated"] if doc.deprecated else []
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _members(node: Node) -> tuple[Node, ...]:
    return node.members if isinstance(node, Union) else (node,)


def _operand(node: Node, indent: str) -> str:
    text = text_of(node, indent)
    return f"({text})" if isinstance(node, Union | Intersection) else text


def _object_text(node: Object, indent: str) -> str:
    if not node.members and len(node.indexes) == 1:
        name, value = node.indexes[0]
        return f"{{ [property: {name}]: {text_of(value, indent)} }}"
    inner = indent + "  "
    text = ""
    for member in node.members:
        mark = "?" if member.optional else ""
        text += f"{jsdoc(member.doc, inner)}{inner}{property_name(member.name)}{mark}: {text_of(member.node, inner)};\n"
    for name, value in node.indexes:
        text += f"{inner}[property: {name}]: {text_of(value, inner)};\n"
    return "{\n" + text + indent + "}"


def _comment_line(line: str) -> str:
    plain = "".join(" " if unicodedata.category(letter) in _UNPRINTABLE else letter for letter in line)
    return plain.replace("*/", "*\\/")


def _printable(letter: str) -> str:
    """`letter`, escaped if an editor or a compiler could take it for something else, such as the end of a line."""
    if unicodedata.category(letter) not in _UNPRINTABLE:
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
