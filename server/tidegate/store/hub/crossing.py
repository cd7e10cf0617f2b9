"""Mutations as bytes, and back: JSON, since their values came as JSON and are compared by what JSON tells apart.

Filters have a separate form: `["and", part, ...]`, `["or", part, ...]`, and for a term its property, operator and
value. A list of values is a tuple again at the other end, and the text of a large integer has its type again.
Invariant: `mutation_from(bytes_of(mutation)) == mutation`, with the same types.
"""

from __future__ import annotations

from typing import Any, assert_never

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.filters.tree import And, Filter, Or, Term
from tidegate.core.rows.ports import Mutation
from tidegate.int64 import Int64

AND, OR = "and", "or"


def bytes_of(mutation: Mutation) -> bytes:
    return msgspec.json.encode(
        (
            mutation.kind,
            mutation.resource,
            mutation.rows,
            mutation.data,
            mutation.keys,
            mutation.expected,
            mutation.user,
            mutation.idempotency_key,
            mutation.digest.hex(),
            _from_filter(mutation.visible),
            _from_filter(mutation.allowed),
            mutation.payer,
            mutation.array,
            mutation.tags,
            mutation.filled,
        )
    )


def mutation_from(text: bytes, node: str = "") -> Mutation:
    """`node`: the worker that it came from, which tells its connections from those of others."""
    found = msgspec.json.decode(text)
    kind, resource, rows, data, keys, expected, user, key, digest, visible, allowed, payer, array, tags, filled = found
    return Mutation(
        kind=kind,
        resource=resource,
        rows=tuple(rows),
        filled=tuple(map(frozenset, filled)),
        data=data,
        keys=tuple(keys),
        expected=expected,
        user=user,
        idempotency_key=key,
        digest=bytes.fromhex(digest),
        visible=_to_filter(visible),
        allowed=_to_filter(allowed),
        payer=Payer(payer[0], f"{node}{payer[1]}"),
        array=array,
        tags=None if tags is None else tuple(tags),
    )


def _from_filter(part: Filter) -> list[Any]:
    match part:
        case Term():
            return [[part.property], part.operator, _from_value(part.value)]
        case And():
            return [AND, *map(_from_filter, part.parts)]
        case Or():
            return [OR, *map(_from_filter, part.parts)]
        case _:
            assert_never(part)


def _to_filter(found: list[Any]) -> Filter:
    if isinstance(found[0], list):
        (name,), operator, value = found
        return Term(name, operator, _to_value(value))
    parts = tuple(map(_to_filter, found[1:]))
    return And(parts) if found[0] == AND else Or(parts)


def _from_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(map(_from_value, value))
    return {"int64": str(value)} if isinstance(value, Int64) else value


def _to_value(found: Any) -> Any:
    if isinstance(found, list):
        return tuple(map(_to_value, found))
    return Int64(found["int64"]) if isinstance(found, dict) else found
