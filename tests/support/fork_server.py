"""A process that has imported the gateway, and forks a process for each command that a test starts.

Importing takes most of the processor time of a short command. A forked command is a separate process with another
folder, environment, output and signal handlers; it runs what `python -m tidegate` runs. `tests.support.forked` is the
client.
It starts no thread and opens no database, so that a fork finds everything as after the imports.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module, util
from pathlib import Path
from typing import Any

MODULES = (
    "tidegate.app",
    "tidegate.checks.gateway_process",
    "tidegate.codegen",
    "tidegate.gateway.console_state",
    "tidegate.handlers",
    "tidegate.store.models",
    "tidegate.store.postgres",
    "tidegate.store.sqlite",
    "tidegate.workers.plan",
    "uvloop",
    "importlib.resources.readers",
    "datamodel_code_generator",
    "datamodel_code_generator.config",
    "datamodel_code_generator.model",
    "datamodel_code_generator.model.msgspec",
    "datamodel_code_generator.parser.jsonschema",
    *(
        f"tidegate.cli.{name}"
        for name in ("check", "dev", "generate", "init", "introspect", "migrate", "serve", "token")
    ),
)
ORDINARY = "TESTS_ORDINARY_USER"
"""In the environment of a command: permissions of files hold for it, also where root runs the tests."""
REQUEST_BYTES = 1 << 20
DESCRIPTORS = 4
"""A request brings the command's input, output, error output, and a pipe for how it ended."""
STATUS = struct.Struct("i")
"""How a command ended: its exit code, or a signal's number below zero, as in `subprocess.Popen.returncode`."""


def serve(requests: socket.socket, prepare: Callable[[], None]) -> None:
    """Call `prepare` in each new command. Fork for each request until the other side closes."""
    ended, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(ended, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the commands
    signal.set_wakeup_fd(woken)
    running: dict[int, int] = {}
    while True:
        for ready in select.select([requests.fileno(), ended], [], [])[0]:
            if ready == ended:
                with suppress(BlockingIOError):
                    os.read(ended, 4096)
                _reap(running)
                continue
            payload, descriptors, *_ = socket.recv_fds(requests, REQUEST_BYTES, DESCRIPTORS)
            if not payload:
                return
            *streams, status = descriptors
            pid = os.fork()
            if pid == 0:
                for descriptor in (requests.fileno(), ended, woken, status, *running.values()):
                    os.close(descriptor)
                _become(json.loads(payload), streams)
                prepare()
                return
            running[pid] = status
            for descriptor in streams:
                os.close(descriptor)
            requests.send(str(pid).encode())


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        pipe = running.pop(pid)
        with suppress(BrokenPipeError):  # the test has ended
            os.write(pipe, STATUS.pack(os.waitstatus_to_exitcode(status)))
        os.close(pipe)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Make this process the command's: what `subprocess.Popen` and the start of Python would do."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    if request["session"]:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if request["environment"].pop(ORDINARY, None) is not None and os.geteuid() == 0:
        _drop_capabilities()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.path.insert(0, request["folder"])
    sys.argv = ["tidegate", *request["arguments"]]


def _drop_capabilities() -> None:
    """Leave this process no right but those of a user who owns root's files."""
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def _beside(name: str) -> Any:
    """A module of this folder, which is not in `sys.path`: commands must not find modules of tests."""
    spec = util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Serve until the tests end. A fork runs its command here, and does not return."""
    for name in MODULES:
        with suppress(ImportError):  # without the extras of the package
            import_module(name)
    import tidegate.cli  # after the modules, like them
    from tidegate import schema

    contract, children = _beside("made_contract"), _beside("forked_children")
    contract.remember(schema.packaged("seed.json").parent)
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.send(b"ready")
    serve(requests, children.install)
    requests.detach()
    if sys.argv[0] == "tidegate":  # this process is a fork
        children.run(tidegate.cli.main)


if __name__ == "__main__":
    main()
