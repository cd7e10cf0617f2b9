"""The gateway's settings: defaults, then `tidegate.toml`, then TIDEGATE_* in the environment, then the command line.

Every setting is a field of `Settings` with its meaning beside it; docs/reference/settings.md lists them and a test
compares the two. This module reads files and the environment once, at start; nothing else does.
Invariant: a `Settings` that exists is valid; any mistake in the input is a `ConfigError` that says what to type.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tidegate import edge_settings, event_loops, logs, memory_limit, setting_sources, urls
from tidegate.admin import settings as admin
from tidegate.hooks import hook as webhooks
from tidegate.hooks.hook import Hook
from tidegate.identity_settings import IdentitySettings
from tidegate.networks import network
from tidegate.operating_settings import about as _about
from tidegate.setting_sources import CONFIG_FILE, ConfigError
from tidegate.telemetry import collectors
from tidegate.workers import cores

__all__ = ["CONFIG_FILE", "DEVELOPMENT_SECRET", "LOOPBACK", "ConfigError", "Settings", "add_arguments", "load"]

DEVELOPMENT_SECRET = "tidegate-development-secret-that-anyone-can-read"  # noqa: S105  # public on purpose: --dev only
SHORTEST_SECRET = 32
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(IdentitySettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One gateway's settings. The environment variable of a field is TIDEGATE_ and its name in capitals."""

    database: Annotated[
        str, _about("Database URL: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://...`.")
    ] = "sqlite:///tidegate.db"
    database_file: Annotated[str | None, _about("A file with `database`, where its URL has a password.")] = None
    engine: Annotated[
        str,
        _about(
            "What joins the rooms of several gateways: `redis://...`, `postgresql://...`, or `database` for the "
            "gateway's own PostgreSQL. `memory`: nothing."
        ),
    ] = "memory"
    engine_file: Annotated[str | None, _about("A file with `engine`, where its URL has a password.")] = None
    engine_prefix: Annotated[
        str | None,
        _about(
            "The application's name in its engine, the same for all its gateways; every engine but `memory` needs it."
        ),
    ] = None
    schema: Annotated[
        str | None,
        _about("Folder with the application's schema files. Without it: `./schema`, or the sample that ships."),
    ] = None
    handlers: Annotated[
        str | None,
        _about("Handlers of the application's own messages: `module:name` of a `tidegate.handlers.Gateway`."),
    ] = None
    dev: Annotated[
        bool, _about("Development mode: accepts tokens of the public development secret; loopback addresses only.")
    ] = False
    heartbeat: Annotated[float, _about("Seconds between heartbeats to each client."), msgspec.Meta(gt=0)] = 25.0
    log_age: Annotated[
        float,
        _about("Seconds that a change stays in the change log, at least; 60 or more."),
        msgspec.Meta(ge=60, le=1e9),
    ] = 86400.0
    log_rows: Annotated[
        int, _about("Changes that the change log keeps, at least, however old they are."), msgspec.Meta(ge=1)
    ] = 100_000
    log_bytes: Annotated[
        int,
        _about("Bytes of changes in the change log, at most, about; this counts more than `log_age` and `log_rows`."),
        msgspec.Meta(ge=1048576),
    ] = 1024**3
    lock_timeout: Annotated[
        float,
        _about("Seconds that `tidegate migrate` waits for locks that other programs hold."),
        msgspec.Meta(gt=0, le=86400),
    ] = 10.0
    hooks: Annotated[
        tuple[Hook, ...],
        _about("Webhooks: tables `[[hooks]]` of the settings file, or a JSON array in the environment."),
    ] = ()

    @property
    def token_secret(self) -> str | None:
        """The secret that tokens are signed with, the development one only in development mode."""
        return self.secret or (DEVELOPMENT_SECRET if self.dev else None)

    @property
    def serves_console(self) -> bool:
        """Whether the page at `/` is served."""
        return self.dev if self.console is None else self.console

    @property
    def operators_secret(self) -> str | None:
        """What operators send; None for nothing. Raises ValueError."""
        return admin.secret_of(self.admin_secret, self.admin_secret_file)

    @property
    def worker_count(self) -> int:
        """`workers` as a number. In development mode there is one process."""
        return 1 if self.dev else cores.number(self.workers)

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes; 0 for no limit."""
        limit = memory_limit.parse(self.memory)
        return limit if isinstance(limit, int) else int(limit * memory_limit.available())

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks of `trusted_proxies`."""
        return [network(text) for text in self.trusted_proxies]

    @property
    def schema_folder(self) -> Path | None:
        """The folder to read, or None for the sample that ships with the package."""
        if self.schema is not None:
            return Path(self.schema)
        return Path("schema") if Path("schema").is_dir() else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The three options that every command takes."""
    parser.add_argument(
        "--database", metavar="URL", help="sqlite:///relative.db, sqlite:////absolute.db, postgresql://..."
    )
    parser.add_argument(
        "--schema",
        metavar="DIR",
        help="folder with the schema files (default: ./schema if it exists, or the sample)",
    )
    parser.add_argument("--config", metavar="FILE", help=f"settings file (default: ./{CONFIG_FILE} if it exists)")


def load(
    args: argparse.Namespace,
    environ: Mapping[str, str] = os.environ,
    *,
    makes_schema_folder: bool = False,
    operates: bool = False,
) -> Settings:
    """Settings from the file, the environment and `args`; the later source wins. Raises ConfigError.

    `makes_schema_folder`: the command makes the schema folder if there is none. `operates`: the command asks a gateway
    that runs, and opens no address itself.
    """
    return load_with_sources(args, environ, makes_schema_folder=makes_schema_folder, operates=operates)[0]


def load_with_sources(
    args: argparse.Namespace,
    environ: Mapping[str, str] = os.environ,
    *,
    makes_schema_folder: bool = False,
    operates: bool = False,
) -> tuple[Settings, dict[str, str]]:
    """As `load`, and where each setting was found that is given: a file, a variable or an option."""
    given, found = setting_sources.gathered(args, environ, set(Settings.__struct_fields__))
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(setting_sources.misfit(error, Hook.__struct_fields__)) from None
    _check(settings, makes_schema_folder=makes_schema_folder, operates=operates)
    return settings, found


def _check(settings: Settings, *, makes_schema_folder: bool, operates: bool) -> None:
    if settings.secret is not None and len(settings.secret) < SHORTEST_SECRET:
        raise ConfigError(f"secret: must have at least {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one")
    if settings.secret == DEVELOPMENT_SECRET:
        raise ConfigError(
            "secret: this is the public development secret; use --dev, or a secret from `openssl rand -hex 32`"
        )
    if settings.dev and settings.host not in LOOPBACK:
        raise ConfigError(
            f"--dev accepts tokens that anyone can sign, so it serves loopback addresses only, not {settings.host}; "
            "set TIDEGATE_SECRET and leave --dev out"
        )
    if settings.schema is not None and not (folder := Path(settings.schema)).is_dir():
        if folder.exists():
            raise ConfigError(f"schema: {settings.schema} is a file, and must be a folder")
        if not makes_schema_folder:
            raise ConfigError(f"schema: the folder {settings.schema} does not exist")
    readers: dict[str, Callable[[Any], object]] = {
        "hooks": webhooks.check,
        "admin": lambda address: admin.check(address, settings.operators_secret, dev=settings.dev or operates),
        "log_format": logs.check_format,
        "origins": edge_settings.check_origins,
        "hosts": edge_settings.check_hosts,
        "database": urls.check,
        "engine": urls.check,
        "memory": memory_limit.parse,
        "workers": cores.number,
        "loop": event_loops.check,
        "otel_endpoint": collectors.check,
        "trusted_proxies": lambda texts: [network(text) for text in texts],
    }
    for name, read in readers.items():
        try:
            read(getattr(settings, name))
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise ConfigError(f"log_level: must be debug, info, warning or error, not {settings.log_level!r}")
