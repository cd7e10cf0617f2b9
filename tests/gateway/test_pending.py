"""Requests under way are counted as memory that their account holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.test_slow_readers import member
from tests.transport.inside import running
from tidegate.core.budgets.ledger import SHARE
from tidegate.gateway.work import KEY_BYTES, PENDING_BYTES

REQUESTS = 100


@pytest.mark.parametrize(("memory", "refused"), [("1 MiB", True), ("0", False)])
async def test_more_requests_than_an_account_has_memory_for_are_refused(
    tmp_path: Path, memory: str, refused: bool
) -> None:
    assert REQUESTS * PENDING_BYTES > (1 << 20) // SHARE
    async with running(tmp_path, memory=memory) as inside, member(inside) as client:
        for number in range(REQUESTS):
            client.send_json(type="list", resource="users", ref=number)
        answers = [await client.message() for _ in range(REQUESTS)]
        assert sorted(answer["ref"] for answer in answers) == list(range(REQUESTS)), "each is answered once"
        errors = [answer for answer in answers if answer["type"] == "error"]
        assert {error["code"] for error in errors} == ({"limit_reached"} if refused else set())
        assert all(error["retry_after"] for error in errors)
        assert (await client.ask(type="list", resource="users", ref="later"))["type"] == "rows"
        assert inside.gateway.ledger.total == 0


@pytest.mark.parametrize(("memory", "refused"), [("4 MiB", True), ("0", False)])
async def test_a_request_that_names_many_rows_counts_for_them(tmp_path: Path, memory: str, refused: bool) -> None:
    few, ids = 10, list(range(1, 1001))
    assert few * PENDING_BYTES < (4 << 20) // SHARE < few * len(ids) * KEY_BYTES
    async with running(tmp_path, memory=memory) as inside, member(inside) as client:
        for number in range(few):
            client.send_json(type="get", resource="users", ids=ids, ref=number)
        answers = [await client.message() for _ in range(few)]
        assert any(answer["type"] == "error" for answer in answers) == refused
        assert inside.gateway.ledger.total == 0
