"""x-access that lets no client do what the file is for, or that says something that can have no effect.

A missing action is denied, on purpose. A file without any `x-access` denies all, which is what people forget: who
means it writes `"x-access": {}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.annotation_texts import ACTIONS, NO_RULE
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem

_MISSING = {
    "client": 'no client may send this message: add "x-access": {"send": "authenticated"}',
    "resources": 'no client may read or change these rows: add "x-access": {"read": "authenticated"}',
    "rooms": 'no client may enter these rooms: add "x-access": {"join": "authenticated", "send": "authenticated"}',
}
_DOES = {"send": "send", "presence": "see who is present", "history": "read the history"}
_SEVERAL = re.compile(r"[,|;&]|\s(?:or|and)\s").search


def access_problems(schemas: Schemas) -> Iterator[Problem]:
    """All problems of x-access."""
    for item in own(schemas):
        if item.kind not in ACTIONS or not item.is_file or item.protocol:
            continue
        access = item.schema.get("x-access")
        if access is None:
            meant = ', or "x-access": {} if that is meant'
            yield Problem(item.file, "", f"has no `x-access`, so that {_MISSING[item.kind]}{meant}")
            continue
        yield from _combinations(item, access)
        for action, rule in access.items():
            for place, reason in _rule(item, rule):
                yield Problem(item.file, f"/x-access/{action}{place}", reason)


def _combinations(item: Definition, access: dict[str, Any]) -> Iterator[Problem]:
    """Actions that need another action."""
    other = next((action for action in ACTIONS["rooms"] if action in access), "join")
    if item.kind == "rooms" and other != "join":
        reason = f"no client may enter these rooms, and only those who are in a room can {_DOES[other]}: add `join`"
        yield Problem(item.file, "/x-access", f'{reason}, such as "join": {json.dumps(access[other])}')
    if item.kind == "resources" and "read" not in access:
        for action in ("update", "delete"):
            if action in access:
                reason = f"a client can {action} only rows that it may read, and no client may read: add `read`"
                yield Problem(
                    item.file, f"/x-access/{action}", f'{reason}, such as "read": {json.dumps(access[action])}'
                )


def _rule(item: Definition, rule: Any) -> Iterator[tuple[str, str]]:
    rules = rule if isinstance(rule, list) else [rule]
    for index, one in enumerate(rules):
        place = f"/{index}" if isinstance(rule, list) else ""
        if isinstance(one, dict) and item.kind == "client":
            yield place, f"a message has no row, so that a row rule admits no client; {NO_RULE}"
        elif isinstance(one, dict) and "role" in one and (reason := _role(one["role"])):
            yield f"{place}/role", reason
        elif isinstance(one, str) and one.startswith("role:") and (reason := _role(one.removeprefix("role:"))):
            yield place, reason
        if rules.index(one) != index:
            yield place, f"{json.dumps(one)} stands twice; remove one"
    for wide in ("anyone", "authenticated"):
        if wide in rules:
            idle = [one for one in rules if one != wide and (wide == "anyone" or _needs_token(one))]
            if idle:
                yield (
                    "",
                    (
                        f"access needs only one rule of a list, so that {json.dumps(idle[0])} says nothing beside "
                        f"{json.dumps(wide)}; remove {json.dumps(wide)} or the others"
                    ),
                )
            return


def _needs_token(rule: Any) -> bool:
    return isinstance(rule, str) and rule != "anyone"


def _role(name: str) -> str | None:
    """What is wrong with the name of a role."""
    if name.strip() == "*":
        return 'no role is called "*"; for every signed-in user write "authenticated"'
    if name.startswith("$"):
        return f'{name!r} is no role: a rule names one role, such as "role:admin"; claims stand in row rules'
    if _SEVERAL(name):
        names = [part.strip().removeprefix("role:") for part in re.split(r"[,|;&]|\s(?:or|and)\s", name)]
        listed = json.dumps([f"role:{part}" for part in names if part])
        return f"{name!r} is the name of one role; for several roles write {listed}"
    if name != name.strip():
        return f'the name of the role begins or ends with a space; write "role:{name.strip()}"'
    return None
