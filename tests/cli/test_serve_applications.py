"""Applications that misbehave before the gateway serves, and a gateway that cannot notice that it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, clean_environment
from tests.support.wire import wire
from tidegate import handlers
from tidegate.handlers import HandlersError

MODULES = {
    "sys.exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "GeneratorExit": ("raise GeneratorExit('early')", "GeneratorExit: early"),
    "CancelledError": ("import asyncio\nraise asyncio.CancelledError('early')", "CancelledError: early"),
    "a BaseException": ("class Foreign(BaseException): pass\nraise Foreign('early')", "Foreign: early"),
    "StopIteration": ("next(iter([]))", "StopIteration"),
    "no text": ("class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute", "Mute"),
    "a surrogate": ("raise ValueError('\\udcff')", "ValueError"),
    "recursion": ("def again(): again()\nagain()", "RecursionError"),
    "a module without attributes": ("def __getattr__(name): raise SystemExit(4)", "SystemExit: 4"),
    "a builtin as handler": (
        "from tidegate.handlers import Gateway\ngateway = Gateway()\ngateway.on('buy')(dict)",
        "no signature",
    ),
}


def test_a_module_that_cannot_be_imported_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with every_case() as case:
        for number, (name, (code, told)) in enumerate(MODULES.items()):
            with case(name):
                (tmp_path / f"broken_{number}.py").write_text(code, encoding="utf-8", errors="surrogatepass")
                with pytest.raises(HandlersError, match=told):
                    handlers.load(f"broken_{number}:gateway")


STUBBORN = """
import atexit
import threading
import time

threading.Thread(target=time.sleep, args=[3600]).start()
atexit.register(time.sleep, 3600)
"""


def serve(folder: Path, module: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "shop.py").write_text(module)
    options = ["--schema", str(ROOT / "schema"), "--port", "0", "--handlers", "shop:gateway"]
    return subprocess.run(
        [sys.executable, "-m", "tidegate", "serve", *options],
        cwd=folder,
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.process
def test_a_gateway_that_does_not_start_ends_although_the_application_has_threads(tmp_path: Path) -> None:
    done = serve(tmp_path, STUBBORN)  # it has no Gateway
    assert done.returncode == 2
    assert "no Gateway called 'gateway'" in done.stderr
    assert "Traceback" not in done.stderr


LOGGING = """
import logging.config

from tidegate.handlers import Gateway

gateway = Gateway()
logging.config.dictConfig({"version": 1})
"""
HANGING = """
import signal

from tidegate.handlers import Gateway

gateway = Gateway()


def hang(*_):
    open("hanging", "w").close()
    open("release").read()  # a FIFO that is never opened


signal.signal(signal.SIGUSR1, hang)
"""


@pytest.mark.process
async def test_an_application_that_configures_logging_leaves_the_gateways_log(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(LOGGING)
    process = GatewayProcess(tmp_path, "--dev", "--handlers", "shop:gateway")
    process.migrate()
    process.start()
    try:
        async with wire(process.url):
            pass
    finally:
        assert process.stop() == 0
    assert "INFO    tidegate  stopping" in process.log_file.read_text()


@pytest.mark.process
async def test_a_gateway_whose_event_loop_is_blocked_ends_when_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(HANGING)
    os.mkfifo(tmp_path / "release")
    environment = {"TIDEGATE_GRACEFUL_STOP": "0.5"}
    process = GatewayProcess(tmp_path, "--dev", "--handlers", "shop:gateway", environment=environment)
    process.migrate()
    process.start()
    os.kill(process.pid, signal.SIGUSR1)
    while not (tmp_path / "hanging").exists():  # noqa: ASYNC110  # another process makes it
        await asyncio.sleep(0.01)
    assert process.stop() == 1
    log = process.log_file.read_text()
    assert "the gateway cannot stop, because its event loop is blocked" in log
    assert 'open("release").read()' in log, "the log shows the line that blocks"
