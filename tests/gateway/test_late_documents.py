"""A document is made for the first client that asks for it, once, and beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_http_routes import get
from tests.support.deadlines import DEADLINE_S
from tests.transport.inside import running
from tidegate import documents
from tidegate.gateway.late_documents import LateDocument
from tidegate.transport import Request, Response

ASKED = Request("GET", "/docs")


async def test_a_gateway_makes_no_document_before_a_client_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(name: str) -> None:
        make = getattr(documents, name)

        def counting(bundle: dict[str, Any], **options: Any) -> Any:
            made.append(name)
            return make(bundle, **options)

        monkeypatch.setattr(documents, name, counting)

    for name in ("published", "asyncapi", "openapi", "console", "protocol_page"):
        counted(name)
    async with running(tmp_path, console=True) as inside:
        assert (await get(inside, "/healthz"))[0] == 200
        assert made == []
        for _ in range(2):
            assert (await get(inside, "/asyncapi.json"))[0] == 200
        assert made == ["published", "asyncapi"]


async def test_all_who_ask_meanwhile_get_the_one_document_and_the_loop_goes_on() -> None:
    made, go_on = list[int](), threading.Event()

    def make() -> bytes:
        made.append(threading.get_ident())
        assert go_on.wait(DEADLINE_S)
        return b"a document"

    document = LateDocument("/docs", make, {}, asyncio.Lock())
    waiting = [document(ASKED) for _ in range(100)]
    assert not isinstance(waiting[0], Response)
    assert all(each is waiting[0] for each in waiting), "nothing more for each client"
    go_on.set()  # the loop is here while the document waits
    assert (await waiting[0]).body == b"a document"
    assert document(ASKED) is await waiting[0], "from now on it is answered at once"
    assert len(made) == 1
    assert made != [threading.get_ident()]


async def test_one_document_is_made_at_a_time() -> None:
    turn, under_way, most = asyncio.Lock(), 0, 0

    def make() -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        threading.Event().wait(0.005)  # another one would begin meanwhile
        under_way -= 1
        return b""

    answers = [LateDocument(f"/{number}", make, {}, turn)(ASKED) for number in range(5)]
    await asyncio.gather(*(each for each in answers if not isinstance(each, Response)))
    assert most == 1


async def test_a_document_that_cannot_be_made_is_refused_logged_once_and_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def make() -> bytes:
        raise ValueError("the reason")

    document = LateDocument("/docs", make, {}, asyncio.Lock())
    for _ in range(3):
        response = document(ASKED)
        response = response if isinstance(response, Response) else await response
        assert response.status == 500
        assert b"the log" in response.body
        assert b"the reason" not in response.body
    assert [record.getMessage() for record in caplog.records] == ["cannot make /docs"]
    assert "the reason" in caplog.text
