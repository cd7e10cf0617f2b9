"""Suggests the known word that a misspelled word is closest to, for the text of a problem."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

CLOSE = 0.6
"""The least similarity of two words, from 0 to 1: `mail` and `email` are similar, `age` and `name` are not."""
_SHORT_NAME = 3
"""Names with fewer letters have no misspellings: every other one of them would be similar."""
_LONG_NAME = 128
_ROLE = re.compile(r"(?:roles?)?\s*[:=./ -]*\s*([A-Za-z][\w-]*)", re.IGNORECASE).fullmatch
_ANYONE = frozenset({"all", "any", "anybody", "everybody", "everyone", "public", "true", "*"})
_OWNER = frozenset({"author", "creator", "me", "mine", "my", "own", "owner", "owned", "self", "user.id", "$user.id"})
_AUTHENTICATED = frozenset({"auth", "authorized", "logged-in", "login", "signed-in", "user", "users"})


def suggestion(word: object, known: Iterable[str], close: float = CLOSE) -> str:
    """`; did you mean '...'?`, or an empty text if no known word is similar."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=close) if isinstance(word, str) else []
    return f"; did you mean {found[0]!r}?" if found else ""


def similar_name(name: str, known: Iterable[str]) -> str | None:
    """The known name of which `name` is a misspelling: other capitals or separators, or one letter that differs.

    It is stricter than `suggestion`: clients show the text to people, who should not be led astray.
    """
    if len(name) > _LONG_NAME:
        return None
    return next((one for one in known if one != name and (_plain(one) == _plain(name) or _one_edit(one, name))), None)


def rule_suggestion(rule: object) -> str:
    """The suggestion for an invalid access rule."""
    if isinstance(rule, dict):
        return _of_object(rule)
    if isinstance(rule, list):
        return next(filter(None, map(rule_suggestion, rule)), "")
    if rule is True:
        return "; did you mean 'anyone'?"
    if isinstance(rule, str) and rule.strip().lower() in _OWNER:
        return '; for rows of the user write {"where": {"PROPERTY": "$user.id"}}'
    if isinstance(rule, str) and "," in rule:
        named = [_rule(part.strip()) or part.strip() for part in rule.split(",")]
        return f"; several rules are a list: write {json.dumps(named)}"
    return f"; did you mean {_rule(rule)!r}?" if isinstance(rule, str) and _rule(rule) not in {None, rule} else ""


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _one_edit(one: str, other: str) -> bool:
    """Whether one letter is missing, added or different, or two neighbours are exchanged."""
    short, long = sorted((one, other), key=len)
    if len(long) < _SHORT_NAME or len(long) - len(short) > 1:
        return False
    start = next((index for index, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    exchanged = short[start : start + 2] == long[start : start + 2][::-1] and short[start + 2 :] == long[start + 2 :]
    return exchanged or short[start + 1 :] == long[start + 1 :]


def _of_object(rule: dict[str, object]) -> str:
    if "where" in rule:
        if rule.keys() - {"where", "role"}:
            return '; beside `where` only `role` may stand: {"role": "NAME", "where": FILTER}'
        if isinstance(rule["where"], dict):
            return ""
        return '; `where` takes a filter: {"where": {"PROPERTY": "$user.id"}}'
    if len(rule) == 1:
        name, value = next(iter(rule.items()))
        if name.lower() in {"role", "roles"}:
            names = value if isinstance(value, list) else [value]
            meant = [f"role:{each}" for each in names]
            return f"; did you mean {meant[0]!r}?" if len(meant) == 1 else f"; did you mean {meant!r}?"
        return "; did you mean {'where': ...}?"
    return ""


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
