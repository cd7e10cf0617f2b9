"""What a misspelled word may have meant, for the end of a problem's reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

CLOSE = 0.6
"""How alike two words have to be, from 0 to 1: `mail` and `email` are, `age` and `name` are not."""
_ROLE = re.compile(r"(?:roles?)?\s*[:=./ -]*\s*([A-Za-z][\w-]*)", re.IGNORECASE).fullmatch
_ANYONE = frozenset({"all", "any", "anybody", "everybody", "everyone", "public", "true", "*"})
_AUTHENTICATED = frozenset({"auth", "authorized", "logged-in", "login", "signed-in", "user", "users"})


def meant(word: object, known: Iterable[str], close: float = CLOSE) -> str:
    """`; did you mean '...'?`, or nothing when no known word is close."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=close) if isinstance(word, str) else []
    return f"; did you mean {found[0]!r}?" if found else ""


def meant_rule(rule: object) -> str:
    """The same for an access rule that is none."""
    if isinstance(rule, dict):
        return "; did you mean {'where': ...}?" if len(rule) == 1 and "where" not in rule else ""
    if isinstance(rule, list):
        return next(filter(None, map(meant_rule, rule)), "")
    if rule is True:
        return "; did you mean 'anyone'?"
    return f"; did you mean {_rule(rule)!r}?" if isinstance(rule, str) and _rule(rule) not in {None, rule} else ""


def _rule(word: str) -> str | None:
    """The rule that is closest to `word`."""
    lower = word.strip().lower()
    if lower in _ANYONE:
        return "anyone"
    if lower in _AUTHENTICATED:
        return "authenticated"
    close = get_close_matches(lower, ["anyone", "authenticated"], n=1, cutoff=0.75)
    if close:
        return close[0]
    role = _ROLE(re.sub(r"^(rol|rolle|rle|roel|groups?)\b", "role", word.strip(), flags=re.IGNORECASE))
    return f"role:{role[1]}" if role else None
