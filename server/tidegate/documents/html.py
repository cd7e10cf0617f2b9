"""HTML that cannot be broken into: text is escaped unless it is Markup, and only `element` makes Markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote

_WIDTH = 76
"""A JSON value that is shorter stands on one line."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *content: str, **attributes: str | None) -> Markup:
    """An element; `class_` is `class`, `data_x` is `data-x`. An attribute that is None is left out."""
    given = "".join(
        f' {word.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for word, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Several parts in their order."""
    return Markup(_safe(between).join(_safe(part) for part in parts))


def link(text: str, target: str) -> Markup:
    """A link to another place, or to an anchor of this page."""
    return element("a", text, href=target)


def anchor(kind: str, name: str) -> str:
    """The id of the section on `name`, as it stands in an address too: names may have any character."""
    return f"{kind}-{quote(name, safe='*')}"


def prose(text: str) -> Markup:
    """A description; what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", text)
    return joined(element("code", part) if index % 2 else part for index, part in enumerate(parts))


def code(value: Any) -> Markup:
    """A JSON value among text."""
    return element("code", json.dumps(value, ensure_ascii=False))


def json_block(value: Any) -> Markup:
    """A JSON value to read: short ones on one line, member names marked."""
    return element("pre", element("code", _pretty(value, "")))


def table(heads: Iterable[str], rows: Iterable[Markup]) -> Markup:
    """A table, in a box that can be scrolled where it is too wide."""
    head = element("thead", element("tr", *(element("th", text, scope="col") for text in heads)))
    return element("div", element("table", head, element("tbody", *rows)), class_="table")


def row(*cells: str, id: str | None = None, class_: str | None = None) -> Markup:
    """A row of a table."""
    return element("tr", *(element("td", cell) for cell in cells), id=id, class_=class_)


def _pretty(value: Any, indent: str) -> Markup:
    inner = indent + "  "
    if len(json.dumps(value, ensure_ascii=False)) + len(indent) > _WIDTH:
        if isinstance(value, dict):
            lines = [joined((inner, _member(name), ": ", _pretty(sub, inner))) for name, sub in value.items()]
            return joined(("{\n", joined(lines, ",\n"), "\n", indent, "}"))
        if isinstance(value, list):
            items = [joined((inner, _pretty(sub, inner))) for sub in value]
            return joined(("[\n", joined(items, ",\n"), "\n", indent, "]"))
    if isinstance(value, dict):
        members = (joined((_member(name), ": ", _pretty(sub, ""))) for name, sub in value.items())
        return joined(("{", joined(members, ", "), "}"))
    if isinstance(value, list):
        return joined(("[", joined((_pretty(sub, "") for sub in value), ", "), "]"))
    return element("span", json.dumps(value, ensure_ascii=False), class_="value")


def _member(name: str) -> Markup:
    return element("span", json.dumps(name, ensure_ascii=False), class_="member")


def _safe(text: str) -> str:
    return text if isinstance(text, Markup) else escape(text)
