"""Random row rules, claims, rows and filters: what a user sees is what a second, naive reading of its rules says.

`naive` knows nothing of the tree that rules are compiled to: it takes the rule's JSON, the claims and one row. The rows
are in a real database, written the way foreign programs write them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tests.store.sql.test_filters_property import any_filters, asked_text, integers, rows, times, words
from tests.store.things import RESOURCE, THINGS, Things, opened, possible
from tests.support.postgres import PostgresServer
from tidegate.contract import converters
from tidegate.core.access.rules import RowAccess, permission
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import Filter, both, compile_filters
from tidegate.core.rows.ports import Change, Row
from tidegate.core.rows.subscription_index import SubscriptionIndex
from tidegate.schema import filter_schemas
from tidegate.schema.resource import read_resource
from tidegate_protocol import Principal

if TYPE_CHECKING:
    from tests.store.postgres.things import PostgresThings

NAMES = ("a", "b", "c")
SAFE = 2**53 - 1
CONVERT = converters(RESOURCE)
Rules = list[Any]
Known = dict[str, Any]
MOMENTS = {
    "2026-01-31T17:45:00+05:45": "2026-01-31T12:00:00.000000Z",
    "2026-01-31t12:00:01.000001z": "2026-01-31T12:00:01.000001Z",
}
NEVER: list[Any] = [{"x": 1}, math.nan, math.inf, "\ud800", "a\0", [[]]]
LIKE = {"atom": "any", "list": "any", "value": "text", 't."select" %': "text", "never_null": "text", "type": "num"}
"""Properties, and for arrays their items, whose values are like those of another."""


# -- what may be asked ------------------------------------------------------------------------------------------------

junk = st.sampled_from([None, [], {}, {"a": 1}, [[1]], [None], math.nan, math.inf, 2**53, 10**400, "\ud800", "a\0", ""])
junk |= st.sampled_from(
    ["07", "-0", "1e3", "\u0661", " 1", "1.5", "nan", "2026-01-31T12:00:00", "2026-01-31", "$user.a"]
)
offset = st.sampled_from([*MOMENTS, "2026-02-31T00:00:00Z"])
single = st.booleans() | integers | integers.map(str) | st.floats(-2, 2) | asked_text | times | offset | words | junk
claims = st.dictionaries(st.sampled_from(NAMES), single | st.lists(single, max_size=3))
users = st.builds(
    Principal,
    id=st.sampled_from(["1", "-2", "01", "a", "anon-1"]),
    name=st.sampled_from(["a", "B"]),
    roles=st.lists(st.sampled_from(["a", "A", "b"]), max_size=2),
    anonymous=st.just(False),
)
places = st.sampled_from([f"$user.{name}" for name in (*NAMES, "a.a", "id", "name", "roles", "nobody.knows")])


@st.composite
def row_rule(draw: st.DrawFn) -> dict[str, Any]:
    """A client's filter with claims put in the place of some of its values."""

    def value(found: Any) -> Any:
        if isinstance(found, list) and draw(st.booleans()):
            return [value(item) for item in found]
        return draw(places) if draw(st.booleans()) else found

    def condition(operator: str, found: Any) -> Any:
        if operator in {"null", "nnull"}:
            return found
        return [value(item) for item in found] if operator in {"between", "nbetween"} else value(found)

    def put(where: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, asked in where.items():
            if name in {"and", "or"}:
                found[name] = [put(inner) for inner in asked]
            elif isinstance(asked, dict):
                found[name] = {operator: condition(operator, operand) for operator, operand in asked.items()}
            else:
                found[name] = value(asked) if asked is not None else None
        return found

    return {"where": put(draw(any_filters))}


rules = st.lists(row_rule() | st.just("role:b"), min_size=1, max_size=3)
wishes = st.tuples(rules, claims, users, st.none() | any_filters)
mine = st.tuples(st.just([{"where": {"int": "$user.id"}}]), claims, users, st.none())
owned = rows | st.builds(lambda row, owner: {**row, "int": owner}, rows, st.sampled_from([1, -2]))
"""Rows, many of which are some user's of `mine`."""


# -- the naive reading ------------------------------------------------------------------------------------------------


class NoValue(Exception):
    """A claim is not there, or is nothing that the property could be."""


def naive(said: Rules, known: Known, user: Principal, row: Row) -> bool:
    everything = {**known, "id": user.id, "name": user.name, "roles": user.roles}
    return any(
        rule[5:] in user.roles if isinstance(rule, str) else meets(rule["where"], everything, row) for rule in said
    )


def meets(where: Mapping[str, Any], known: Known, row: Row) -> bool:
    for name, asked in where.items():
        if name == "and":
            held = all([meets(inner, known, row) for inner in asked])
        elif name == "or":
            held = any([meets(inner, known, row) for inner in asked])
        elif asked is None:
            held = row.get(name) is None
        else:
            operators = asked if isinstance(asked, dict) else {"eq": asked}
            held = all([holds(name, operator, operand, known, row) for operator, operand in operators.items()])
        if not held:
            return False
    return True


def holds(name: str, operator: str, operand: Any, known: Known, row: Row) -> bool:
    value = row.get(name)
    if operator in {"null", "nnull"}:
        return (value is None) is (operand is (operator == "null"))
    try:
        wanted = operands(name, operator, operand, known)
    except NoValue:
        return False
    if value is None:
        return False
    if name == "big":
        value, wanted = int(value), [int(one) for one in wanted]
    operator = {"eqs": "eq", "nes": "ne"}.get(operator, operator)
    if operator != "ne" and operator.startswith("n"):
        return not compared(operator[1:], value, wanted)
    return not compared("eq", value, wanted) if operator == "ne" else compared(operator, value, wanted)


def operands(name: str, operator: str, operand: Any, known: Known) -> list[Any]:
    if operator in {"in", "nin", "ina", "nina"} and isinstance(operand, str):
        found = claim(operand, known)
        found = found if isinstance(found, list) else [found]
        if not found:
            raise NoValue
        return [as_value(name, item) for item in found]
    several = operand if isinstance(operand, list) else [operand]
    return [
        as_value(name, claim(one, known)) if isinstance(one, str) and one.startswith("$user.") else one
        for one in several
    ]


def claim(place: str, known: Known) -> Any:
    found: Any = known
    for part in place[6:].split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def as_value(name: str, found: Any) -> Any:
    kind = LIKE.get(name, name)
    text = isinstance(found, str) and "\0" not in found and "\ud800" not in found
    number = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < math.inf
    number = number and (abs(found) <= SAFE or isinstance(found, float))
    if kind == "int":
        if isinstance(found, str) and found.lstrip("-").isdecimal() and found.isascii():
            found, number = int(found), str(int(found)) == found
        fits = number and found == int(found) and abs(found) <= SAFE
        found = int(found) if fits else None
    elif kind == "num":
        if isinstance(found, str) and found and set(found) <= set("-.0123456789"):
            try:
                asked, found = found, float(json.loads(found))
                number = asked == json.dumps(int(found) if found.is_integer() else found)  # "-0" and "1.50" are none
            except ValueError:
                number = False
        fits = number
    elif kind == "text":
        fits = text or (isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**1000)
        found = str(found)
    elif kind == "time":
        found = MOMENTS.get(found, found) if text else ""
        fits = found.startswith("2026-01-31T12:00:0") and found.endswith("Z") and len(found) == 27
    elif kind == "word":
        fits = text and found in THINGS["properties"]["word"]["enum"]
    elif kind == "bool":
        fits = isinstance(found, bool)
    elif kind == "big":
        found = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
        fits = isinstance(found, str) and canonical(found)
    else:
        fits = text or number or isinstance(found, bool)
    if not fits:
        raise NoValue
    return found


def compared(operator: str, value: Any, wanted: list[Any]) -> bool:
    first: Any = wanted[0]
    if operator in {"eq", "in"}:
        return any(same(value, one) for one in wanted)
    if operator == "ina":
        return isinstance(value, list) and all(any(same(item, one) for item in value) for one in wanted)
    if operator == "between":
        return compared("gte", value, wanted[:1]) and compared("lte", value, wanted[1:])
    if operator in {"lt", "lte", "gt", "gte"}:
        if isinstance(value, str) != isinstance(first, str) or isinstance(value, bool | list | dict):
            return False
        before, equal = bool(value < first), bool(value == first)
        return {"lt": before, "lte": before or equal, "gt": not before and not equal, "gte": not before}[operator]
    if not isinstance(value, str):
        return False
    if not operator.endswith(("ss", "hs")):
        value, first = folded(value), folded(first)
    before, after = value[: len(first)] == first, not first or value[-len(first) :] == first
    return bool({"c": first in value, "s": before, "e": after}[operator[0]])


def same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def canonical(text: str) -> bool:
    """Whether `text` is an integer of 64 bits in its one spelling."""
    return (
        text.removeprefix("-").isdecimal()
        and text.isascii()
        and str(int(text)) == text
        and -(2**63) <= int(text) < 2**63
    )


def folded(text: str) -> str:
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


# -- both -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    with opened(tmp_path_factory.mktemp("things")) as found:
        yield found


@pytest.fixture(scope="module")
def in_postgres(postgres: PostgresServer) -> Iterator[PostgresThings]:
    from tests.store.postgres import things

    with things.opened(postgres.url(postgres.database())) as found:
        yield found


def allowed(said: Rules, known: Known, user: Principal) -> Filter | None:
    """The rows that the user may read; None where it may not even ask."""
    try:
        return permission(RowAccess("things", {"read": said}, CONVERT), "read", user, known)
    except Refused:
        return None


def check_reading(things: Things | PostgresThings, said: Rules, known: Known, user: Principal, asked: Any) -> None:
    rule = allowed(said, known, user)
    if rule is None:
        assert all(isinstance(one, str) and one[5:] not in user.roles for one in said)
        return
    where = both(compile_filters(asked), rule)
    expected = [row for row in things.rows() if naive(said, known, user, row) and meets(asked or {}, {}, row)]
    assert things.ids(where) == [row["id"] for row in expected], (said, known, user)


@pytest.mark.slow
@settings(max_examples=70, deadline=None)
@given(st.lists(owned, min_size=5, max_size=5), st.lists(wishes | mine, min_size=4, max_size=4))
def test_a_user_sees_the_rows_that_its_rules_match(things: Things, columns: list[Known], asked: Any) -> None:
    things.put({"id": number, **row} for number, row in enumerate(columns))
    for wish in asked:
        check_reading(things, *wish)


@settings(max_examples=20, deadline=None)
@given(st.lists(owned, min_size=5, max_size=5), st.lists(wishes | mine, min_size=4, max_size=4))
def test_postgresql_shows_the_same(in_postgres: PostgresThings, columns: list[Known], asked: Any) -> None:
    in_postgres.put({"id": number, **possible(row)} for number, row in enumerate(columns))
    for wish in asked:
        check_reading(in_postgres, *wish)


@settings(max_examples=30, deadline=None)
@given(st.none() | owned, st.none() | owned, st.lists(wishes | mine, min_size=6, max_size=6))
def test_what_subscribers_hear_is_the_difference_of_what_they_read(
    things: Things, before: Known | None, after: Known | None, asked: Any
) -> None:
    subscriptions = SubscriptionIndex()
    groups = [
        subscriptions.acquire("things", compile_filters(filters), None, rule)
        for said, known, user, filters in asked
        if (rule := allowed(said, known, user)) is not None
    ]

    def put(row: Known | None) -> tuple[Row | None, list[list[int]]]:
        things.put([] if row is None else [{"id": 1, **row}])
        return next(iter(things.rows()), None), [things.ids(group.where) for group in groups]

    (old, had), (new, has) = put(before), put(after)
    action: Any = "create" if old is None else "delete" if new is None else "update"
    change = Change(seq=1, time=0, resource="things", key={"id": 1}, action=action, old=old, new=new)
    concerned = list(subscriptions.concerned(change))
    assert len(concerned) == len(set(concerned))
    for group, was, is_now in zip(groups, had, has, strict=True):
        told = group.outcome(change) if group in concerned else None
        if was == is_now:
            assert told is None or (told[0] == "update" and is_now)
            assert told is not None or not is_now or old == new
        else:
            assert told == (("create", new) if is_now else ("delete", {"id": 1}))


@settings(max_examples=70, deadline=None)
@given(st.lists(rows, min_size=4, max_size=4), row_rule(), claims, users, st.sampled_from(NAMES), single)
def test_a_claim_that_is_missing_or_senseless_shows_nothing_that_a_value_would_not(
    things: Things, columns: list[Known], rule: Any, known: Known, user: Principal, name: str, value: Any
) -> None:
    things.put({"id": number, **row} for number, row in enumerate(columns))

    def shown(**changed: Any) -> set[int]:
        found = allowed([rule], {**{key: given for key, given in known.items() if key != name}, **changed}, user)
        assert found is not None
        return set(things.ids(found))

    without = shown()
    assert without <= shown(**{name: value})
    assert shown(**{name: None}) == without
    for never in NEVER:
        assert shown(**{name: never}) == without


FORMATS = ("date", "date-time", "time", "duration", "uuid", "email", None)
MANY: dict[str, Any] = {
    "title": "Many",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {},
    "properties": {
        "id": {"type": "integer"},
        **{f"text {name}": {"type": "string", **({"format": name} if name else {})} for name in FORMATS},
        **{f"list {name}": {"type": "array", "items": {"type": "string", "format": name}} for name in FORMATS[:5]},
        "integer": {"type": "integer"},
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "enum": {"enum": ["a", "b"]},
        "mixed enum": {"enum": ["a", 1, True, None]},
        "several": {"type": ["string", "integer"]},
        "any": {},
        "anything": {"type": "array"},
    },
    "required": ["id"],
    "additionalProperties": False,
}
MANIFOLD = read_resource("many", MANY, {})
PLACES = {prop.name: converters(MANIFOLD)[prop.name] for prop in filter_schemas.filterable(MANIFOLD)}
CLIENTS = Draft202012Validator(
    {**filter_schemas.filters_schema(MANIFOLD), "$defs": filter_schemas.definitions([MANIFOLD])}, validate_formats=True
)
ODD = ["yesterday", "", "2026-1-1", "2026-01-31", "2026-01-31T00:00:00", "12:00:00", "P1D", "20260131T000000Z", "c"]
ODD += [
    "ABCDEF00-0000-4000-8000-000000000000",
    "abcdef00",
    "9999-12-31T23:59:59-01:00",
    "2026-12-31T23:59:60Z",
    "e@x.org",
]


@pytest.mark.parametrize("name", sorted(PLACES))
@given(st.lists(single | st.floats() | st.integers(), min_size=5, max_size=5))
@settings(max_examples=20, deadline=None)
def test_a_claim_stands_for_nothing_that_a_client_could_not_send(name: str, random: list[Any]) -> None:
    for found in [*ODD, *NEVER, 2**53, -(10**400), *random]:
        check_value(name, found)


def check_value(name: str, found: Any) -> None:
    try:
        value = PLACES[name](found)
    except ValueError:  # whatever it says: the condition holds for no row
        return
    filters = {name: {"ina": [value]} if MANIFOLD.properties[name].type == "array" else {"in": [value]}}
    whole = "email" not in name
    assert msgspec.json.decode(msgspec.json.encode(filters)) == filters
    assert not whole or CLIENTS.is_valid(filters), filters
    assert "\0" not in str(value)
