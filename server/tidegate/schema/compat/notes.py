"""Changes that refuse no value, and that people who write clients want to know: defaults, and what is deprecated.

It walks through both schemas side by side, through references, properties, items and alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.schema.compat.facts import UNIONS
from tidegate.schema.compat.parts import Part, Parts, flat
from tidegate.schema.compat.run import Fault

_ABSENT = object()


def notes(old: Part, new: Part) -> Iterator[Fault]:
    """The notes about `new` and what is inside it."""
    todo = [] if old.token == new.token else [(old, new)]
    seen: set[tuple[int | bool, int | bool]] = set()
    while todo:
        was, now = todo.pop(0)
        if (was.token, now.token) in seen:
            continue
        seen.add((was.token, now.token))
        before, after = flat([was]), flat([now])
        yield from _about(before, after, now)
        todo += _inside(before, after)


def _about(before: Parts, after: Parts, now: Part) -> Iterator[Fault]:
    was, default = (_first(parts, "default") for parts in (before, after))
    if was != default or type(was) is not type(default):
        place = next((part for part in after if "default" in part.words), now)
        yield Fault(False, place, "/default", f"default was {_shown(was)}, is {_shown(default)}")
    if _first(after, "deprecated") is True and _first(before, "deprecated") is not True:
        place = next(part for part in after if part.words.get("deprecated") is True)
        yield Fault(False, place, "/deprecated", "is deprecated now")


def _inside(before: Parts, after: Parts) -> Iterator[tuple[Part, Part]]:
    """Pairs of schemas inside, which belong to each other by name or by place."""
    for now in after:
        for name in now.words.get("properties", {}):
            for was in before:
                if name in was.words.get("properties", {}):
                    yield was.at("properties", name), now.at("properties", name)
        for word in ("items", "additionalProperties"):
            if word in now.words:
                yield from ((was.at(word), now.at(word)) for was in before if word in was.words)
        for word in ("prefixItems", *UNIONS):
            for was in before:
                labels = {_label(was, word, index): index for index in range(len(was.words.get(word, ())))}
                for index in range(len(now.words.get(word, ()))):
                    if (former := labels.get(_label(now, word, index))) is not None:
                        yield was.at(word, former), now.at(word, index)


def _label(part: Part, word: str, index: int) -> object:
    """What an alternative is known by: its reference, its constant tags, or its place."""
    inner = part.at(word, index).words
    properties = inner.get("properties", {}).items()
    tags = {name: sub["const"] for name, sub in properties if isinstance(sub, dict) and "const" in sub}
    return index if word == "prefixItems" else inner.get("$ref") or (repr(tags) if tags else index)


def _first(parts: Parts, word: str) -> object:
    return next((part.words[word] for part in parts if word in part.words), _ABSENT)


def _shown(value: object) -> str:
    return "not set" if value is _ABSENT else repr(value)
