"""Mutations of the tables of `application`, and how a store refuses one."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, Row, Store


def create(*rows: Row, resource: str = "boats", **fields: Any) -> Mutation:
    return Mutation(kind="create", resource=resource, rows=rows, user="7", **fields)


def update(code: str, data: Row, **fields: Any) -> Mutation:
    return Mutation(kind="update", resource="boats", keys=({"code": code},), data=data, user="7", **fields)


def delete(*codes: str, **fields: Any) -> Mutation:
    return Mutation(kind="delete", resource="boats", keys=tuple({"code": code} for code in codes), **fields)


async def outcome(store: Store, mutation: Mutation) -> str:
    """The code of the refusal, or `done`. What is unavailable says when to try again."""
    try:
        await store.write(mutation)
    except Refused as refused:
        assert refused.code != "unavailable" or refused.retry_after
        return refused.code
    return "done"


async def refused(store: Store, mutation: Mutation) -> tuple[str, str | None, str | None]:
    """Code, pointer and keyword of the refusal."""
    return (await refusal(store, mutation))[:3]


async def refusal(store: Store, mutation: Mutation) -> tuple[str, str | None, str | None, str]:
    """Code, pointer, keyword and sentence of the refusal."""
    with pytest.raises(Refused) as caught:
        await store.write(mutation)
    return caught.value.code, caught.value.pointer, caught.value.keyword, caught.value.message
