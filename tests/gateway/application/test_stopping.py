"""A gateway whose application does not end: the stop waits for none of it longer than for requests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.gateway.application.shop import schema
from tests.support.gateway import GatewayProcess
from tests.support.waiting import until
from tests.support.wire import wire

pytestmark = pytest.mark.process

MODULE = """
import threading
import time
from pathlib import Path

from tidegate.handlers import Gateway

gateway = Gateway()


def note(text):
    with Path("told").open("a") as file:
        file.write(text + "\\n")


def forever():
    while True:
        time.sleep(3600)


@gateway.background
def deaf(stop):
    note("background")
    forever()


@gateway.on_disconnect
def gone(connection):
    note("disconnected")
    forever()


@gateway.on_stop
def stop():
    note("stop")
    forever()


@gateway.on("plain")
def plain(message, call):
    call.db.notes.create(owner="ada", text="never committed")
    note("handler")
    forever()
"""


async def test_a_stop_waits_for_no_thread_of_the_application(tmp_path: Path) -> None:
    schema(tmp_path)
    (tmp_path / "shop_that_hangs.py").write_text(MODULE)
    options = ("--dev", "--schema", "schema", "--handlers", "shop_that_hangs:gateway")
    gateway = GatewayProcess(tmp_path, *options, environment={"TIDEGATE_GRACEFUL_STOP": "1"})
    gateway.migrate()
    gateway.start()
    told = tmp_path / "told"
    try:
        async with wire(gateway.url) as client:
            async with wire(gateway.url):
                pass
            await client.say({"type": "plain", "what": "", "ref": "hangs"})
            await until(lambda: {"background", "disconnected", "handler"} <= set(told.read_text().split()))
            stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
            answer = await client.hear(lambda message: message.get("ref") == "hangs")
            assert answer["code"] == "unavailable"
        assert await stopping == 0
    finally:
        gateway.kill()
    assert told.read_text().split().count("stop") == 1
    log = gateway.log_file.read_text()
    assert "on_stop: the function stop was not waited for any longer" in log
    assert gateway.select("SELECT count(*) FROM notes") == [(0,)]
