"""What is wrong with a value of x-resource, x-room, x-access, x-reply and their like, and what to write instead.

`annotations` finds the places with the meta-schemas. This module only makes sentences of what they report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.schema.definition import Definition, Kind
from tidegate.schema.suggestions import rule_suggestion, suggestion

ACTIONS: dict[Kind, tuple[str, ...]] = {
    "client": ("send",),
    "resources": ("read", "create", "update", "delete"),
    "rooms": ("join", "send", "presence", "history"),
}
"""What x-access can name, by the folder of the file."""
OF_MEMBERS = frozenset({"presence", "history"})
"""Actions that every member of a room may do where x-access does not name them."""
RULE_TEXT = 'must be "anyone", "authenticated", "role:NAME" or {"where": FILTER}, or a list of these'
ROOM_RULE_TEXT = (
    'must be "anyone", "authenticated", "role:NAME", {"where": {PARAMETER: VALUE}} or '
    '{"exists": {"resource": NAME, "where": FILTER}}, or a list of these'
)
NO_RULE = 'must be "anyone", "authenticated" or "role:NAME", or a list of these'
PLACES = {
    "x-access": "the top of a file in resources/, rooms/ or client/",
    "x-resource": "the top of a file in resources/",
    "x-room": "the top of a file in rooms/",
    **dict.fromkeys(("x-reply", "x-part", "x-refusals", "x-timeout"), "the top of a file in client/"),
}
NAME_LIMIT = "64 characters"
_EXAMPLES = {
    "x-resource": '{"key": "id"}',
    "x-room": '{"pattern": "NAME-*"}',
    "history": '{"size": 100, "ttl": 3600}, with `ttl` in seconds',
    "references": '{"PROPERTY": "RESOURCE.PROPERTY"}',
}
_CONFLATE = '{"conflate": "/PROPERTY"}, with a JSON pointer into the content of a message'
_MEANT: dict[str, dict[str, str]] = {
    "x-resource": {
        **dict.fromkeys(("primarykey", "primary_key", "primary", "pk", "id", "keys", "keyproperty"), "key"),
        **dict.fromkeys(("uniques", "uniquekeys", "unique_together", "constraints"), "unique"),
        **dict.fromkeys(("index", "indices", "indexed"), "indexes"),
        **dict.fromkeys(("foreignkeys", "foreign_keys", "foreign", "fk", "refs", "relations"), "references"),
        **dict.fromkeys(("name", "tablename", "collection"), "table"),
    },
    "x-room": {
        **dict.fromkeys(("name", "names", "room", "rooms", "match", "glob", "topic", "path", "regex"), "pattern"),
        **dict.fromkeys(("messages", "replay", "keep", "persist", "durable"), "history"),
        **dict.fromkeys(("members", "online", "users"), "presence"),
        **dict.fromkeys(("backpressure", "overflow", "slow_client"), "slow"),
    },
    "history": {
        **dict.fromkeys(("persist", "persistent", "database", "stored", "permanent"), "durable"),
        **dict.fromkeys(("limit", "max", "count", "length", "messages", "maxlength"), "size"),
        **dict.fromkeys(("seconds", "age", "maxage", "duration", "expires", "time", "lifetime"), "ttl"),
    },
}
_ACTION_MEANT = {
    **dict.fromkeys(("get", "list", "view", "see", "select", "subscribe", "fetch", "query"), "read"),
    **dict.fromkeys(("add", "insert", "new", "post"), "create"),
    **dict.fromkeys(("edit", "change", "modify", "put", "patch"), "update"),
    **dict.fromkeys(("remove", "destroy", "drop"), "delete"),
}
_ROOM_ACTION_MEANT = {
    **dict.fromkeys(("read", "subscribe", "enter", "listen", "view", "see"), "join"),
    **dict.fromkeys(("members", "users", "online", "list"), "presence"),
    **dict.fromkeys(("messages", "replay", "past", "recover"), "history"),
    **dict.fromkeys(("write", "publish", "post", "talk", "message", "create", "say", "speak"), "send"),
}


def value_reason(item: Definition, word: str, path: Sequence[str | int], error: Any, options: Sequence[str]) -> str:
    """The sentence for `error` of the meta-schema, at `path` in the value of the annotation `word`.

    `options`: the names that may stand where an unknown name stands.
    """
    kind, value = error.kind, error.instance
    place = next((str(step) for step in reversed(path) if isinstance(step, str)), word)
    if kind.name == "additionalProperties":
        return "; ".join(_unknown_name(item, place, name, options) for name in kind.unexpected)
    if word == "x-access":
        return _access(item, path, value)
    if list(path)[:1] == ["slow"] and kind.name != "enum":
        return f"`slow` as an object must be {_CONFLATE}"
    if kind.name == "required":
        return f"lacks `{kind.property}`: write {_lacking(kind.property)}"
    if kind.name == "propertyNames":
        return f"the name of an error is made of a-z, 0-9 and _, begins with a letter, and has at most {NAME_LIMIT}"
    if kind.name == "enum":
        known = [option for option in kind.options if isinstance(option, str)]
        first = ", ".join(map(json.dumps, known[:-1]))
        return f"{json.dumps(value)} must be {first} or {json.dumps(known[-1])}{suggestion(value, known)}"
    return _wrong_value(item, word, place, path, value) or error.message


def misplaced(item: Definition, place: str, word: str) -> str:
    """Why the annotation `word` says nothing at `place`."""
    reason = f"{word!r} has no meaning here: it stands at {PLACES.get(word, 'the top of a file of the protocol')}"
    if word == "x-access" and item.kind == "resources" and place:
        return (
            f"{reason}. Clients that may read a row get all its properties: put the property into a separate resource "
            "with an `x-access`, or hide it from all clients with `writeOnly`"
        )
    if word == "x-access" and item.kind == "server":
        return f"{reason}. A message of the gateway goes to the client whose request it answers"
    return reason


def _unknown_name(item: Definition, place: str, name: str, options: Sequence[str]) -> str:
    if place == "x-access":
        return _unknown_action(item, name)
    meant = _MEANT.get(place, {}).get(name.lower().replace("-", "_"))
    close = f"; did you mean {meant!r}?" if meant else suggestion(name, options)
    return f"unknown name {name!r}{close or f'; the names are {_listed(options)}'}"


def _unknown_action(item: Definition, name: str) -> str:
    actions = ACTIONS[item.kind]
    of = {"client": "of a message", "resources": "of rows", "rooms": "of a room"}[item.kind]
    reason = f"{name!r} is no action {of}: the action{'s are' if len(actions) > 1 else ' is'} {_listed(actions)}"
    lower = name.lower()
    if item.kind == "resources" and lower in {"write", "all", "*", "save", "manage", "crud"}:
        named = actions if lower in {"all", "*", "crud", "manage"} else ("create", "update", "delete")
        return f"{reason}; name each of {_listed(named)} that you mean"
    meant = {"resources": _ACTION_MEANT, "rooms": _ROOM_ACTION_MEANT}.get(item.kind, {}).get(lower)
    return f"{reason}; did you mean {meant!r}?" if meant else reason + suggestion(name, actions, 0.5)


def _access(item: Definition, path: Sequence[str | int], value: Any) -> str:
    if not path:
        rule = json.dumps(value) if isinstance(value, str | list) and value else '"anyone"'
        named = ", ".join(f'"{action}": {rule}' for action in ACTIONS[item.kind] if action not in OF_MEMBERS)
        return f"must name actions: write {{{named}}}"
    if value is None or value is False or (isinstance(value, str) and value.lower() in _DENIED):
        return f"to let no client {path[0]}, remove `{path[0]}`: an action that is not named is denied"
    if item.kind == "rooms" and isinstance(value, dict):
        return ROOM_RULE_TEXT
    return {"resources": RULE_TEXT, "rooms": ROOM_RULE_TEXT}.get(item.kind, NO_RULE) + rule_suggestion(value)


_DENIED = frozenset({"nobody", "none", "noone", "no one", "deny", "denied", "never", "false", "off", ""})
"""What people write as a rule, in lower case, to let no client do something."""


def _lacking(name: str) -> str:
    return {"key": '"key": "NAME", with the property that identifies a row', "pattern": '"pattern": "NAME-*"'}.get(
        name, f'"{name}": ...'
    )


def _wrong_value(item: Definition, word: str, place: str, path: Sequence[str | int], value: Any) -> str | None:
    shown = json.dumps(value, ensure_ascii=False)
    if word == "x-resource" and path[:1] in (["unique"], ["indexes"]):
        names = item.schema[word][place]
        each = [name if isinstance(name, list) else [name] for name in (names if isinstance(names, list) else [names])]
        each = each if all(isinstance(name, str) for inner in each for name in inner) else [["NAME"]]
        return f"`{place}` is a list of lists of names: write {json.dumps(each)}" if names else (
            f"`{place}` names no property"
        )  # fmt: skip
    if word == "x-resource" and path[:1] == ["references"] and len(path) > 1:
        parts = re.findall(r"[\w-]+", value)[-2:] if isinstance(value, str) else []
        target = ".".join(parts if len(parts) == 2 else [*(parts or ["RESOURCE"]), "id"])
        return f'{shown} names no property of a resource: write "{target}"'
    if word == "x-resource" and place == "key":
        return "`key` must be the name of a property, or a list of names"
    if place == "pattern":
        return '`pattern` must be a text of 1 to 128 characters, such as "chat-*"'
    if place in {"presence", "durable"}:
        return f"`{place}` must be true or false, without quotation marks"
    if place in {"size", "ttl"}:
        what = "a number of messages" if place == "size" else "a number of seconds"
        return f"`{place}` must be {what} from 0, without quotation marks"
    if place in _EXAMPLES:
        example = f'{{"pattern": {shown}}}' if place == "x-room" and isinstance(value, str) else _EXAMPLES[place]
        return f"`{place}` must be an object: write {example}"
    if place == "table":
        return "`table` must be a text of 1 to 63 characters without control characters"
    if word == "x-part" or (word == "x-refusals" and path):
        return "must be a schema: write {...}, or refer to one of types/"
    if word == "x-refusals":
        return '`x-refusals` must be an object: write {"NAME": {...}}, with the schema of the data of each error'
    if word == "x-timeout":
        return f"`x-timeout` must be a number of seconds, more than 0 and at most 86400, and not {shown}"
    if word == "x-reply":
        return "`x-reply` must be the type of a message in server/, as a text"
    return None


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    known = list(map(repr, names))
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
