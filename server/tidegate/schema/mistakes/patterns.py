"""Patterns in the spelling of another language: slashes around them, and backslashes twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tidegate.json_pointer import escape
from tidegate.schema.mistakes.site import Found, Site

_SLASHED = re.compile(r"/(\^.*|.*\$)/([a-z]*)").fullmatch
_TWICE = re.compile(r"\\\\[dwsbDWSB](?![a-z])").search


def slashed_patterns(site: Site) -> Iterator[Found]:
    """Regular expressions as literals of JavaScript."""
    for place, pattern in _patterns(site):
        if found := _SLASHED(pattern):
            meant = f"(?i){found[1]}" if "i" in found[2] else found[1]
            yield place, f"a pattern has no slashes around it, and these are plain text; write {json.dumps(meant)}"


def escaped_hints(site: Site) -> Iterator[Found]:
    """A backslash that was escaped twice: it stands for a backslash in the text."""
    for place, pattern in _patterns(site):
        if found := _TWICE(pattern):
            meant = json.dumps(found[0][1:])
            yield place, f"{json.dumps(found[0])} stands for a backslash and a letter; did you mean {meant}?"


def _patterns(site: Site) -> Iterator[tuple[str, str]]:
    if isinstance(site.schema.get("pattern"), str):
        yield "/pattern", site.schema["pattern"]
    for pattern in site.schema.get("patternProperties", {}):
        yield f"/patternProperties/{escape(pattern)}", pattern
