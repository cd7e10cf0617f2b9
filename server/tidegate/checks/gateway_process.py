"""Starts a gateway over a schema folder in a separate process, with a temporary database, and stops it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.schema import Schemas

READY = re.compile(r"serving on http://[^:]+:(\d+)")
START_S, STOP_S, HOUR_S = 20.0, 20.0, 3600.0


class NotStarted(Exception):
    """The gateway did not start. The text is the end of its log."""


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of the gateway, and the token of a user with every role that the schemas name."""

    url: str
    token: str


@contextlib.contextmanager
def gateway(folder: Path | None, schemas: Schemas, handlers: str | None) -> Iterator[Address]:
    """Run a gateway as long as the block runs. Raises NotStarted."""
    secret = secrets.token_urlsafe(32)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")},
        "TIDEGATE_SECRET": secret,
        # The check uses one connection, which may be in every room at once.
        **{f"TIDEGATE_{name}": "1000000" for name in ("MAX_ROOMS", "MAX_SUBSCRIPTIONS")},
        "TIDEGATE_MAX_PAGE": "50",
    }
    with tempfile.TemporaryDirectory(prefix="tidegate-check-") as scratch:
        common = ["--database", f"sqlite:///{scratch}/check.db", "--config", f"{scratch}/check.toml"]
        common += ["--schema", str(folder)] if folder else []
        (Path(scratch) / "check.toml").touch()
        seeded = folder is None or (folder / "seed.json").is_file()
        _run(["migrate", *common, *(["--seed"] if seeded else [])], environment)
        serve = ["serve", "--port", "0", *common, *(["--handlers", handlers] if handlers else [])]
        with _serving(serve, environment, Path(scratch) / "log") as port:
            yield Address(f"ws://127.0.0.1:{port}/ws", _token(roles(schemas), common, environment))


def roles(schemas: Schemas) -> set[str]:
    """Every role that an access rule names."""
    rules: list[Mapping[str, Any]] = [resource.access for resource in schemas.resources.values()]
    rules += [room.access for room in schemas.rooms.values()]
    rules += [item.schema.get("x-access", {}) for item in schemas.client.values()]
    values = [value for access in rules for value in access.values()]
    each = [rule for value in values for rule in (value if isinstance(value, list) else [value])]
    return {rule.removeprefix("role:") for rule in each if isinstance(rule, str) and rule.startswith("role:")}


def _token(wanted: set[str], common: list[str], environment: dict[str, str]) -> str:
    named = [option for role in sorted(wanted) for option in ("--role", role)]
    lifetime = ["--ttl", str(24 * HOUR_S)]
    return _run(["token", "--user", "contract-check", *named, *lifetime, *common], environment).strip()


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    """Run a `tidegate` command to its end. Returns its output. Raises NotStarted if it fails."""
    command = [sys.executable, "-m", "tidegate", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotStarted(done.stderr.strip())
    return done.stdout


@contextlib.contextmanager
def _serving(arguments: list[str], environment: dict[str, str], log_file: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tidegate", *arguments]
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)  # noqa: S603
    assert process.stdout is not None
    try:
        yield _port(process, log_file)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _port(process: subprocess.Popen[bytes], log_file: Path) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if select.select([process.stdout], [], [], 0.1)[0] and (
            found := READY.search(process.stdout.readline().decode())
        ):
            return found[1]
    raise NotStarted(log_file.read_text(encoding="utf-8")[-2000:].strip())
