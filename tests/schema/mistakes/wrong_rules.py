"""Mistakes in row rules: properties, operators, values and claims that can match no row."""

from __future__ import annotations

from typing import Any

from tests.schema.mistakes.application import ROOM, SHIFTS, Wrong, both, put


def where(conditions: dict[str, Any], below: str, *says: str) -> Wrong:
    place = "/x-access/read"
    return Wrong(put(SHIFTS, place, {"where": conditions}), SHIFTS, f"{place}/where{below}", says)


def room(rule: dict[str, Any], below: str, *says: str) -> Wrong:
    """A wrong rule of the rooms `shift-{id}`."""
    change = both(put(ROOM, "/x-room/pattern", "shift-{id}"), put(ROOM, "/x-access/join", rule))
    return Wrong(change, ROOM, f"/x-access/join{below}", says)


def exists(where: dict[str, Any], below: str, *says: str, resource: str = "shifts") -> Wrong:
    return room({"exists": {"resource": resource, "where": where}}, f"/exists{below}", *says)


ROOM_RULES = {
    "a room of an unknown resource": exists(
        {"id": "$room.id"}, "/resource", "no resource 'shift'", "did you mean 'shifts'?", resource="shift"
    ),
    "a room of an unknown property": exists(
        {"id": "$room.id", "persn_id": "$user.id"}, "/where", "no property 'persn_id'", "did you mean 'person_id'?"
    ),
    "a room of an unknown parameter": exists({"id": "$room.shift_id"}, "/where/id", "no parameter 'shift_id'", "id"),
    "a room of a claim that is none": exists(
        {"id": "$room.id", "person_id": "$users.id"}, "/where/person_id", "is not a claim", '"$user.id"'
    ),
    "a room of a claim of the token": exists(
        {"id": "$room.id", "report": "$user.exp"}, "/where/report", "no claim of the user"
    ),
    "a room of a value of another type": exists(
        {"id": "$room.id", "places": "three"}, "/where/places", "neither a value of this property nor a claim"
    ),
    "a parameter of a boolean": exists(
        {"id": "$room.id", "paid": "$room.id"}, "/where/paid", "never a value of 'paid'"
    ),
    "the user's id of a boolean in a room": exists(
        {"id": "$room.id", "paid": "$user.id"}, "/where/paid", "is a text", "boolean"
    ),
    "a condition on an unknown parameter": room({"where": {"shift": "7"}}, "/where/shift", "neither a parameter", "id"),
    "a condition that begins with a stand-in": room(
        {"where": {"$room.id": "7"}}, "/where/$room.id", "begins with 'id'"
    ),
    "an operator that parameters do not take": room(
        {"where": {"id": {"gt": 7}}}, "/where/id/gt", "no operator 'gt'", "eq, ne, in, nin"
    ),
    "an operand that is no value": room({"where": {"id": {"in": []}}}, "/where/id/in", "must be a text"),
    "an unknown parameter as a value": room(
        {"where": {"$user.shift": "$room.shift"}}, "/where/$user.shift", "no parameter 'shift'"
    ),
}
RULES = {
    **ROOM_RULES,
    "an unknown property": where({"persn_id": "$user.id"}, "", "no property 'persn_id'", "did you mean 'person_id'?"),
    "a value of another type": where({"places": "three"}, "/places", "neither a value of this property nor a claim"),
    "a value that is not in the enum": where({"status": "opne"}, "/status", "neither a value"),
    "a claim without $user": where({"person_id": "$person.id"}, "/person_id", 'a claim looks like "$user.id"'),
    "a claim as plain text": where({"report": "user.id"}, "/report", "plain text", 'write "$user.id"'),
    "a claim in braces": where({"report": "{{user.org}}"}, "/report", "plain text", 'write "$user.org"'),
    "roles as one value": where({"report": "$user.roles"}, "/report", "is a list", '{"in": "$user.roles"}'),
    "roles inside a list": where(
        {"report": {"in": ["$user.roles"]}}, "/report/in/0", "is a list", '{"in": "$user.roles"}'
    ),
    "the user's id of a boolean": where({"paid": "$user.id"}, "/paid", "is a text", "boolean"),
    "the user's name of a time": where(
        {"or": [{"starts_at": {"gt": "$user.name"}}]}, "/or/0/starts_at/gt", "is a text", "date-time"
    ),
    "a flag of a text": where({"report": "$user.anonymous"}, "/report", "true or false", "string"),
    "a rule for what clients cannot send": Wrong(
        both(
            put(SHIFTS, "/properties/report/readOnly", True),
            put(SHIFTS, "/x-access/create", {"where": {"report": "$user.name"}}),
        ),
        SHIFTS,
        "/x-access/create/where/report",
        ("cannot send 'report'", "without `readOnly`"),
        hint=True,
    ),
    "an operator of another language": where({"person_id": {"$eq": 1}}, "/person_id", "no operator '$eq'", "'eq'?"),
    "an equals sign": where({"person_id": {"==": 1}}, "/person_id", "no operator '=='", "'eq'?"),
    "like": where({"report": {"like": "x"}}, "/report", "no operator 'like'", "did you mean 'contains'?"),
    "an operator that booleans do not take": where({"paid": {"gt": True}}, "/paid", "no operator 'gt'"),
    "not": where({"not": {"person_id": 1}}, "", "filters have no 'not'", '"ne"'),
    "OR": where({"OR": [{"person_id": 1}]}, "", "did you mean 'or'?"),
    "or as an object": where({"or": {"person_id": 1}}, "/or", "a list of filters", "[{...}]"),
    "in without a list": where({"person_id": {"in": 3}}, "/person_id/in", "`in` takes a list"),
    "a property of another resource": where({"person.org": "$user.org"}, "", "of the row itself"),
    "a list compared with a value": where({"tags": "$user.id"}, "/tags", "'tags' is a list", '{"ina": [...]}'),
    "contains of a list": where({"tags": {"contains": "a"}}, "/tags", "no operator 'contains'", "'ina'?"),
    "a claim of the token": where({"report": "$user.exp"}, "/report", "no claim of the user"),
    "a claim without its point": where({"report": "$uid"}, "/report", 'write "$user.uid"'),
    "a claim of another library": where({"report": "auth.uid()"}, "/report", "plain text", 'write "$user.uid"'),
}
