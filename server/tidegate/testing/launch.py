"""Starts a gateway under test in a thread for itself, with a new database, and ends it with the test.

The test may use any event loop, or none. Invariant: when `running` returns to the test, clients can connect; when it
ends, the thread and what belongs to the gateway have ended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tidegate import config, webhooks
from tidegate.application import Application, load_application
from tidegate.config import ConfigError, Settings
from tidegate.handlers import Gateway
from tidegate.setting_sources import no_setting
from tidegate.store import backends
from tidegate.testing.clock import ShiftedClock, ShiftedLoop
from tidegate.testing.gateway import TestingGateway
from tidegate.testing.serving import Serving, serving

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by resource, in the order in which they are written."""


@contextlib.contextmanager
def running(
    schema: str | Path | None = None,
    handlers: str | Gateway | None = None,
    seed: str | Path | Rows | None = None,
    **settings: Any,
) -> Iterator[TestingGateway]:
    """A gateway that serves until the block ends.

    `schema`: the application's schema folder; None is the sample. `handlers`: its Python code, as the setting names it
    or as the object itself. `seed`: rows to begin with, or the file that has them. `settings`: as in docs/reference/
    settings.md, such as `handler_timeout=1.0`; without `database`, the database is a file that is thrown away. Neither
    the environment nor a settings file is read, so that no test meets the engine or the webhooks of production.
    Raises ConfigError, as `tidegate serve` does.
    """
    for name in settings:
        if name not in Settings.__struct_fields__:
            raise ConfigError(no_setting(name, Settings.__struct_fields__))
    with tempfile.TemporaryDirectory(prefix="tidegate-test-") as folder:
        secret = secrets.token_hex(32)
        given = {"database": f"sqlite:///{folder}/test.db", "secret": secret, "host": "127.0.0.1", **settings}
        given["config"] = os.devnull
        if schema is not None:
            given["schema"] = str(schema)
        if isinstance(handlers, str):
            given["handlers"] = handlers
        chosen = config.load(argparse.Namespace(**given), {})
        application = load_application(chosen, None if isinstance(handlers, str) else handlers)
        resources = application.contract.resources
        backends.migrations(chosen.database).apply(chosen.database, resources, None)
        webhooks.create_tables(chosen)
        if seed is not None:
            backends.seed(chosen.database, resources, _rows(seed))
        with _thread(chosen, application) as (gateway, loop, clock):
            yield TestingGateway(gateway, loop, clock, chosen.database, given["secret"], chosen.token_life)


def _rows(seed: str | Path | Rows) -> Any:
    if isinstance(seed, Mapping):
        return seed
    try:
        return json.loads(Path(seed).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"seed: {seed} cannot be read: {error}") from None


@contextlib.contextmanager
def _thread(
    settings: Settings, application: Application
) -> Iterator[tuple[Serving, asyncio.AbstractEventLoop, ShiftedClock]]:
    """Serve in a new thread."""
    clock = ShiftedClock()
    started: Future[tuple[Serving, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with serving(settings, application, clock) as gateway:
            started.set_result((gateway, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: ShiftedLoop(clock)) as runner:
                runner.run(serve())
        except BaseException as raised:  # the boundary: the test's thread raises it
            group = raised if isinstance(raised, BaseExceptionGroup) and len(raised.exceptions) == 1 else None
            error = raised if group is None else group.exceptions[0]
            if not started.done():
                started.set_exception(error)
            else:
                ended.append(error)

    ended: list[BaseException] = []
    thread = threading.Thread(target=run, name="tidegate-testing", daemon=True)
    thread.start()
    gateway, loop, stop = started.result()
    try:
        yield gateway, loop, clock
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        if ended:
            raise ended[0]
