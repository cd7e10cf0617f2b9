"""What the patterns of `patternProperties` say of names: which names they list, and how the names begin or end.

TypeScript has no patterns, but it has names such as `x-${string}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from jsonschema_rs import Draft202012Validator

from tidegate.schema.regex import LINEAR

_ALL = frozenset({"", "^", "$", ".*", "^.*", ".*$", "[\\s\\S]*", "^[\\s\\S]*$", "(?s)^.*$", "(?s).*"})
_LITERAL = r"(?:[^\\^$.|?*+()\[\]{}]|\\[-_./:@ ^$|?*+()\[\]{}\\])"
_LISTED = re.compile(rf"\^(?:\((?:\?:)?)?({_LITERAL}*(?:\|{_LITERAL}*)*)\)?\$", re.DOTALL).fullmatch
_START = re.compile(rf"\^({_LITERAL}*)", re.DOTALL).match
_END = re.compile(rf"({_LITERAL}+)\$", re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True)
class Affixes:
    """How the names begin and end. `exact`: every such name matches."""

    start: str
    end: str
    exact: bool

    def clashes(self, other: Affixes) -> bool:
        """Whether a name can be of both, unless it then matches both patterns and neither includes the other."""
        starts = self.start.startswith(other.start), other.start.startswith(self.start)
        ends = self.end.endswith(other.end), other.end.endswith(self.end)
        within = (starts[0] and ends[0]) or (starts[1] and ends[1])
        return any(starts) and any(ends) and (within or not (self.exact and other.exact))


@lru_cache(maxsize=1024)
def matches(pattern: str, name: str) -> bool:
    """Whether `name` matches. False for a pattern that the engine does not know."""
    try:
        return Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR).is_valid(name)
    except ValueError:
        return False


def matches_all(pattern: str) -> bool:
    """Whether certainly every name matches. `^.*$` is not such a pattern: a name may have a line break."""
    return pattern in _ALL


def names(pattern: str) -> list[str]:
    """The names that a pattern such as `^(left|right)$` lists. Empty for other patterns."""
    found = _LISTED(pattern)
    grouped = pattern.startswith("^(")
    if found is None or grouped != pattern.endswith(")$") or ("|" in found[1] and not grouped):
        return []
    return [_unescaped(name) for name in found[1].split("|")]


def affixes(pattern: str) -> Affixes | None:
    """How all names that match begin or end. None if there is no such text."""
    if ending := _END(pattern):
        return Affixes("", _unescaped(ending[1]), True)
    start = _START(pattern)
    if start is None or not start[1]:
        return None
    rest = pattern[start.end() :]
    literal = re.findall(_LITERAL, start[1], re.DOTALL)
    if rest[:1] in {"?", "*", "{"}:  # the last letter may be absent
        literal.pop()
    if not literal or "|" in _outside_groups(rest):
        return None
    return Affixes(_unescaped("".join(literal)), "", rest in {"", ".*"})


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _outside_groups(text: str) -> str:
    """`text` without escaped characters, classes and groups."""
    plain = re.sub(r"\[(?:\\.|[^\]\\])*\]", "", re.sub(r"\\[^\[\]]", "", text))
    while plain != (shorter := re.sub(r"\([^()]*\)", "", plain)):
        plain = shorter
    return plain
