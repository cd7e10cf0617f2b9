"""Compares two schema folders: their messages, resources and rooms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema import derive, filter_schemas
from tidegate.schema.compat.access import access_changes
from tidegate.schema.compat.changes import Changes
from tidegate.schema.compat.report import Difference
from tidegate.schema.compat.rooms import compare_rooms
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.resource import JsonSchema, Resource

_ALSO_SENT = (
    (derive.update_schema, "in an update"),
    (derive.filter_schema, "in a filter"),
    (filter_schemas.conditions_schema, "in a filter"),
)


def compare(old: Schemas, new: Schemas) -> list[Difference]:
    """The differences between `old` and `new`, breaking ones first. Both must pass the linter."""
    changes = Changes(old, new)
    _client_messages(old, new, changes)
    _server_messages(old, new, changes)
    _resources(old, new, changes)
    compare_rooms(old, new, changes)
    return changes.report.differences()


def _client_messages(old: Schemas, new: Schemas, changes: Changes) -> None:
    for name, was in old.client.items():
        now = new.client.get(name)
        if now is None:
            changes.report.add(True, was.file, "", f"clients may no longer send {name!r}")
            continue
        changes.sent(was, now)
        _access(was, now, changes, rows=False)
        before, after = was.schema.get("x-reply"), now.schema.get("x-reply")
        if before != after:
            pointer = "/x-reply" if after or was.file == now.file else ""
            # A client that expects no reply ignores one.
            changes.report.add(
                before is not None, now.file, pointer, f"the reply was {_reply(before)}, is {_reply(after)}"
            )

        _parts_and_errors(was, now, old, new, changes)


def _parts_and_errors(was: Definition, now: Definition, old: Schemas, new: Schemas, changes: Changes) -> None:
    """Clients read them. An error that is new, or comes no more, breaks none: each client expects unknown codes."""
    before, after = ({item.key: item for item in schemas.definitions} for schemas in (old, new))
    if was.part is not None and now.part is not None:
        changes.received(before[was.part], after[now.part])
    elif was.part is not None:
        changes.report.add(True, now.file, "", "the answer has no parts any more")
    elif now.part is not None:  # a client that expects no parts ignores them
        changes.report.add(False, now.file, "/x-part", "the answer has parts, which were none")
    for name in was.refusals.keys() & now.refusals.keys():
        changes.received(before[was.refusals[name]], after[now.refusals[name]])


def _reply(name: str | None) -> str:
    return "none" if name is None else repr(name)


def _server_messages(old: Schemas, new: Schemas, changes: Changes) -> None:
    for name, was in old.server.items():
        now = new.server.get(name)
        if now is None:
            changes.report.add(True, was.file, "", f"clients still wait for {name!r}, which never comes")
        else:
            changes.received(was, now)


def _resources(old: Schemas, new: Schemas, changes: Changes) -> None:
    files = {item.name: item for item in new.files("resources")}
    for item in old.files("resources"):
        if item.name not in files:
            changes.report.add(True, item.file, "", f"there is no resource {item.name!r} any more")
        else:
            _resource(item, files[item.name], (old.resources[item.name], new.resources[item.name]), changes)


def _resource(was: Definition, now: Definition, pair: tuple[Resource, Resource], changes: Changes) -> None:
    old, new = pair
    if old.key != new.key:
        reason = f"was {', '.join(old.key)}, is {', '.join(new.key)}"
        changes.report.add(True, now.file, "/x-resource/key", reason)
    changes.derived_sent(was, now, derive.sent_row_schema(old), derive.sent_row_schema(new))
    changes.derived_received(was, now, _sent_row(old), _sent_row(new))
    if (rules := derive.row_rules(new)) is not None:
        changes.derived_sent(was, now, _whole_row(old), rules, context="in the whole row")
    for derived, context in _ALSO_SENT:
        changes.derived_sent(was, now, derived(old), derived(new), context=context)
    for name in _sortable(old) - _sortable(new):
        pointer = f"/properties/{escape(name)}"
        changes.report.add_new(now.file, pointer, "clients may no longer sort by it")
    changes.notes(was, now)
    _access(was, now, changes, rows=True)
    for pointer, reason in _table_notes(old, new):
        changes.report.add(False, now.file, pointer, reason)


def _sent_row(resource: Resource) -> JsonSchema:
    """A row as the gateway sends it: it has no other properties, whatever the schema says."""
    return {**derive.row_schema(resource), "additionalProperties": False}


def _whole_row(resource: Resource) -> JsonSchema:
    """A row as it is in the table."""
    return {**resource.schema, "additionalProperties": False}


def _sortable(resource: Resource) -> set[str]:
    return set(derive.sort_schema(resource)["items"]["properties"]["field"]["enum"])


def _access(was: Definition, now: Definition, changes: Changes, *, rows: bool) -> None:
    for breaking, action, reason in access_changes(_rules(was), _rules(now), rows=rows):
        changes.report.add(breaking, now.file, f"/x-access/{action}", reason)


def _rules(item: Definition) -> dict[str, Any]:
    found: dict[str, Any] = item.schema.get("x-access", {})
    return found


def _table_notes(old: Resource, new: Resource) -> Iterator[tuple[str, str]]:
    """What the table refuses from now on, or no longer."""
    for names in (names for names in new.unique if names not in old.unique):
        yield "/x-resource/unique", f"{', '.join(names)} must be unique now: a row that repeats it is a conflict"
    for names in (names for names in old.unique if names not in new.unique):
        yield "/x-resource/unique", f"{', '.join(names)} no longer has to be unique"
    for name in sorted(old.references.keys() | new.references.keys()):
        was, now = (item.references.get(name) for item in (old, new))
        if was != now:
            yield (
                f"/x-resource/references/{escape(name)}",
                f"{name!r} referred to {_target(was)}, refers to {_target(now)}",
            )


def _target(reference: tuple[str, str] | None) -> str:
    return "nothing" if reference is None else ".".join(reference)
