"""What crosses the line between a worker and the hub is the same at the other end, with the same types."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import PermanentFailure, Refused
from tidegate.core.filters.tree import And, Filter, Or, Term, identity
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.core.rows.ports import Mutation
from tidegate.engines.hub.messages import Entry, Present, decode_from_worker
from tidegate.hub.messages import Refusal, encode
from tidegate.int64 import Int64
from tidegate.store.hub.crossing import bytes_of, mutation_from
from tidegate.store.hub.messages import decode_from_hub
from tidegate_protocol import Violation

SLOW = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None, max_examples=50
)
"""What is drawn here is large, and machines are slow."""
TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    some.none()
    | some.booleans()
    | some.integers(-(2**70), 2**70)
    | some.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = some.recursive(
    SCALARS, lambda inner: some.lists(inner, max_size=2) | some.dictionaries(TEXT, inner, max_size=2)
)
ROWS = some.dictionaries(TEXT, VALUES, max_size=4)
OF_FILTERS = SCALARS | some.integers(-(2**63), 2**63 - 1).map(str).map(Int64)
TERMS = some.builds(
    Term,
    TEXT | some.sampled_from(["and", "or", "int64"]),
    some.sampled_from(["eq", "in", "null", "contains"]),
    OF_FILTERS | some.lists(OF_FILTERS, max_size=3).map(tuple),
)
FILTERS: some.SearchStrategy[Filter] = some.recursive(
    TERMS,
    lambda inner: (
        some.builds(And, some.lists(inner, max_size=3).map(tuple))
        | some.builds(Or, some.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=4,
)
OF_MUTATIONS: dict[str, some.SearchStrategy[Any]] = dict(
    kind=some.sampled_from(["create", "update", "delete"]),
    resource=TEXT,
    rows=some.lists(ROWS, max_size=3).map(tuple),
    filled=some.lists(some.frozensets(TEXT, max_size=2), max_size=3).map(tuple),
    data=some.none() | ROWS,
    keys=some.lists(ROWS, max_size=3).map(tuple),
    expected=some.none() | ROWS,
    user=TEXT,
    idempotency_key=some.none() | TEXT,
    digest=some.binary(max_size=16),
    visible=FILTERS,
    allowed=FILTERS,
    payer=some.builds(Payer, TEXT, TEXT),
    array=some.booleans(),
    tags=some.none() | some.lists(some.text(), max_size=3).map(tuple),
)
MUTATIONS = some.builds(Mutation, **OF_MUTATIONS)


def typed(value: Any) -> Any:
    """The value with the types within it: `True == 1` and `1.0 == 1` are different values here."""
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value), [typed(inner) for inner in value]
    return type(value), value


def types_of(part: Filter) -> Any:
    return typed(part.value) if isinstance(part, Term) else (type(part), [types_of(inner) for inner in part.parts])


@SLOW
@given(mutation=MUTATIONS)
def test_a_mutation_is_the_same_at_the_other_end(mutation: Mutation) -> None:
    found = mutation_from(bytes_of(mutation))
    assert found == mutation
    assert OF_MUTATIONS.keys() == set(Mutation.__struct_fields__), "or a part of it is not asked here"
    for name in ("rows", "data", "keys", "expected"):
        assert typed(getattr(found, name)) == typed(getattr(mutation, name))
    for name in ("visible", "allowed"):
        assert types_of(getattr(found, name)) == types_of(getattr(mutation, name))
    assert type(found.payer) is Payer
    assert all(type(names) is frozenset for names in found.filled)


@SLOW
@given(part=FILTERS)
def test_a_filter_is_recognized_at_the_other_end(part: Filter) -> None:
    found = mutation_from(bytes_of(Mutation(kind="create", resource="x", visible=part))).visible
    assert identity(found) == identity(part)


def test_connections_of_two_workers_are_different_payers() -> None:
    sent = bytes_of(Mutation(kind="create", resource="x", payer=Payer("user 1", "c1")))
    one, two = mutation_from(sent, "w1").payer, mutation_from(sent, "w2").payer
    assert one.account == two.account == "user 1"
    assert one.connection != two.connection


@given(
    message=TEXT,
    pointer=some.none() | TEXT.map(lambda text: f"/{text}"),
    keyword=some.none() | TEXT,
    errors=some.lists(some.builds(Violation, pointer=TEXT, keyword=TEXT, message=TEXT), max_size=3).map(tuple),
    retry_after=some.none() | some.floats(0, 100),
    ref=some.none() | TEXT | some.integers(0, 2**53),
    kind=some.sampled_from([Refused, PermanentFailure]),
)
def test_a_refusal_is_the_same_at_the_other_end(
    kind: type[Refused], message: str, ref: str | int | None, **fields: Any
) -> None:
    refused = kind("unavailable", message, **fields).answering(ref)
    crossed = decode_from_hub(encode(Refusal.of(7, refused)))
    assert isinstance(crossed, Refusal)
    found = crossed.refused()
    assert type(found) is kind
    assert crossed.id == 7
    assert vars(found) == vars(refused)
    assert str(found) == str(refused)
    assert found.temporary == refused.temporary


@given(info=some.none() | some.binary(max_size=20), name=TEXT, version=some.integers(0, 2**40))
def test_a_presence_entry_is_the_same_at_the_other_end(info: bytes | None, name: str, version: int) -> None:
    import msgspec

    entry = PresenceEntry(name, 3, "away", 12, None if info is None else msgspec.Raw(info), version)
    crossed = decode_from_worker(encode(Present(1, "room", "user", Entry.of(entry))))
    assert isinstance(crossed, Present)
    assert crossed.entry is not None
    assert crossed.entry.entry() == entry
