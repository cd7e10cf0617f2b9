"""HTML without injection: all text is escaped except Markup, and only `element` makes Markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote

_WIDTH = 76
"""A shorter JSON value is shown on one line."""


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


def element(name: str, *content: str, **attributes: str | None) -> Markup:
    """An element. `class_` becomes `class`, `data_x` becomes `data-x`. An attribute with None is left out."""
    given = "".join(
        f' {word.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for word, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Several parts, in order."""
    return Markup(_safe(between).join(_safe(part) for part in parts))


def link(text: str, target: str) -> Markup:
    """A link to another page or to an anchor of this page."""
    return element("a", text, href=target)


def anchor(kind: str, name: str) -> str:
    """The id of the section about `name`, escaped for URLs, because names may have any characters."""
    return f"{kind}-{quote(name, safe='*')}"


def prose(text: str) -> Markup:
    """A description. Text between backticks is shown as code."""
    parts = re.split(r"`([^`]+)`", text)
    return joined(element("code", part) if index % 2 else part for index, part in enumerate(parts))


def code(value: Any) -> Markup:
    """A JSON value inside text."""
    return element("code", json.dumps(value, ensure_ascii=False))


def json_block(value: Any) -> Markup:
    """A JSON value as a block. A short value is on one line; member names are marked."""
    return element("pre", element("code", _pretty(value, "")))


def table(heads: Iterable[str], rows: Iterable[Markup]) -> Markup:
    """A table in a box that scrolls if the table is too wide."""
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
