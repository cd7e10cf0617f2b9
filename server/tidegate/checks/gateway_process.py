"""Starts a gateway over a schema folder in a separate process, with a temporary database, and stops it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate.schema import Schemas

READY = re.compile(r"serving on http://[^:]+:(\d+)")
OF_EVERY_USER = frozenset({"id", "name", "roles", "anonymous"})
"""What rules can ask of every user without a claim of the token."""
STOP_S, HOUR_S = 20.0, 3600.0


class NotStarted(Exception):
    """The gateway did not start. The text is the end of its log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that the check signs in as. The user also has every role that the schemas name."""

    user: str = "contract-check"
    claims: Mapping[str, Any] = field(default_factory=dict)
    """By name: what `$user.NAME` in row rules stands for."""


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of the gateway, and the token of the user."""

    url: str
    token: str


@contextlib.contextmanager
def gateway(
    folder: Path | None, schemas: Schemas, handlers: str | None, identity: Identity | None = None
) -> Iterator[Address]:
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
            yield Address(
                f"ws://127.0.0.1:{port}/ws", _token(identity or Identity(), roles(schemas), common, environment)
            )


def roles(schemas: Schemas) -> set[str]:
    """Every role that an access rule names."""
    rules: list[Mapping[str, Any]] = [resource.access for resource in schemas.resources.values()]
    rules += [room.access for room in schemas.rooms.values()]
    rules += [item.schema.get("x-access", {}) for item in schemas.client.values()]
    values = [value for access in rules for value in access.values()]
    each = [rule for value in values for rule in (value if isinstance(value, list) else [value])]
    return {rule.removeprefix("role:") for rule in each if isinstance(rule, str) and rule.startswith("role:")}


def unset_claims(schemas: Schemas, identity: Identity) -> list[str]:
    """The claims that row rules name and the user does not have: such rules show the check no rows."""
    texts = set(_texts([resource.access for resource in schemas.resources.values()]))
    names = {text.removeprefix("$user.") for text in texts if text.startswith("$user.")} - OF_EVERY_USER
    return sorted(name for name in names if name not in identity.claims and name.split(".")[0] not in identity.claims)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)


def _token(identity: Identity, wanted: set[str], common: list[str], environment: dict[str, str]) -> str:
    named = [option for role in sorted(wanted) for option in ("--role", role)]
    for name, value in identity.claims.items():
        named += ["--claim", f"{name}={json.dumps(value)}"]
    lifetime = ["--ttl", str(24 * HOUR_S)]
    return _run(["token", "--user", identity.user, *named, *lifetime, *common], environment).strip()


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
    """Once the gateway serves, however long a slow machine takes for that. Raises NotStarted when it ends before."""
    assert process.stdout is not None
    while process.poll() is None:
        if select.select([process.stdout], [], [], 0.1)[0] and (
            found := READY.search(process.stdout.readline().decode())
        ):
            return found[1]
    raise NotStarted(log_file.read_text(encoding="utf-8")[-2000:].strip())
