"""Revocations in the database: several gateways see those of each other, ended ones go, and there is a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.core.errors import Refused
from tidegate.core.revocations import Revocation
from tidegate.store.revocation_log import StoredRevocations


@pytest.fixture
def log(database: Any) -> Callable[[float], StoredRevocations]:
    return lambda now: StoredRevocations(database.url, lambda: now)


async def test_gateways_see_what_others_have_revoked(
    log: Callable[[float], StoredRevocations],
) -> None:
    one, other = log(100.0), log(200.0)
    ada, bob = Revocation("user", "ada\u00e9", 100.0, 150.0), Revocation("token", "t1", 100.0, 300.0)
    assert list(await other.newer()) == []
    await one.add(ada)
    assert list(await other.newer()) == [ada]
    assert list(await other.newer()) == [], "nothing is new"
    await other.add(bob)
    assert list(await one.newer()) == [bob], "the first one has ended for the gateway that added"
    one.close()
    other.close()


async def test_revocation_beyond_the_limit_is_refused(
    log: Callable[[float], StoredRevocations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.store.revocation_log.LIMIT", 1)
    one = log(100.0)
    await one.add(Revocation("user", "ada", 100.0, 150.0))
    with pytest.raises(Refused) as refused:
        await one.add(Revocation("user", "bob", 100.0, 150.0))
    assert refused.value.code == "limit_reached"
    one.close()
