"""Where a Redis or Valkey server is, and how to log in: read from the URL in the settings.

`redis://user:password@host:port/database`, `rediss://` for TLS, `unix:///path?db=0` (or `redis+unix:///path`) for a
Unix socket, `redis+sentinel://host:port,host:port/name/database` for a master that Sentinels know. `valkey` may stand
for `redis` in each. It opens nothing.
Invariant: no text that is printed or logged holds a password.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from tidegate.engines.setup import EngineError
from tidegate.urls import ESCAPE, mistake, shown

PORT, SENTINEL_PORT = 6379, 26379
PARAMETERS = ("db", "ca_file", "cert_file", "key_file", "sentinel_user", "sentinel_password")
UNIX = ("unix", "redis+unix", "valkey+unix")


class Address(msgspec.Struct, frozen=True):
    """A host and port, or the path of a Unix socket."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


class Login(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What a server asks for. Without a password: nothing."""

    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Login(...)"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL says."""

    shown: str
    """The URL without secrets."""
    addresses: tuple[Address, ...]
    """The server, or the Sentinels that know where it is."""
    sentinel: str | None = None
    """The name under which the Sentinels know the master."""
    login: Login = Login()
    sentinel_login: Login = Login()
    database: int = 0
    tls: Mapping[str, str] | None = None
    """The files for TLS; None for a connection without TLS."""

    def tls_context(self) -> ssl.SSLContext | None:
        """Raises EngineError where a file cannot be used."""
        if self.tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls.get("ca_file"))
            if "cert_file" in self.tls:
                context.load_cert_chain(self.tls["cert_file"], self.tls.get("key_file"))
        except (OSError, ssl.SSLError) as error:
            raise EngineError(f"engine: a file for TLS in {self.shown} cannot be used: {error}") from error
        return context


def read(url: str) -> Target:
    """Raises EngineError."""
    try:
        parts = urlsplit(url)
        wrong = mistake(url) or (ESCAPE if parts.fragment else None)
        if wrong is not None:
            raise _Wrong(wrong)
        said: dict[str, Any] = _read(parts.scheme, parts.netloc, unquote(parts.path), parts.query)
    except ValueError as error:
        # The error may quote the URL, with its password.
        raise EngineError(f"engine: {shown(url)} is no URL of a Redis or Valkey server: {_reason(error)}") from None
    return Target(shown=shown(url), **said)


class _Wrong(ValueError):
    """A text of ours: it quotes nothing secret."""


def _reason(error: ValueError) -> str:
    return str(error) if isinstance(error, _Wrong) else "it cannot be read"


def _read(scheme: str, netloc: str, path: str, query: str) -> dict[str, Any]:
    parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    unknown = sorted(set(parameters) - set(PARAMETERS))
    if unknown:
        raise _Wrong(f"there is no parameter {unknown[0]}; known are {', '.join(PARAMETERS)}")
    credentials, _, hosts = netloc.rpartition("@")
    said: dict[str, Any] = {"login": _login(credentials)}
    database: str | None = parameters.get("db")
    if scheme in UNIX:
        if not path.startswith("/") or hosts:
            raise _Wrong("write the path of the socket with three slashes, such as unix:///run/valkey.sock")
        said["addresses"] = (Address(path),)
    else:
        if not hosts:
            raise _Wrong("it names no host")
        names = [part for part in path.split("/") if part]
        port = PORT
        if scheme.endswith("+sentinel"):
            if not names:
                raise _Wrong("name the master behind the hosts, such as redis+sentinel://host:26379/mymaster")
            port, said["sentinel"] = SENTINEL_PORT, names.pop(0)
        said["addresses"] = tuple(_address(host, port) for host in hosts.split(","))
        if len(said["addresses"]) > 1 and "sentinel" not in said:
            raise _Wrong("several hosts are for Sentinels: redis+sentinel://host,host/mymaster")
        if len(names) > 1 or (names and database is not None):
            raise _Wrong("one number of a database is enough")
        database = names[0] if names else database
    said["database"] = _number(database or "0")
    if "sentinel_password" in parameters:
        said["sentinel_login"] = Login(parameters.get("sentinel_user"), parameters["sentinel_password"])
    files = {name: value for name, value in parameters.items() if name.endswith("_file")}
    if scheme.partition("+")[0] in {"rediss", "valkeys"}:
        said["tls"] = files
    elif files:
        raise _Wrong("files are for TLS: rediss://")
    return said


def _login(credentials: str) -> Login:
    if not credentials:
        return Login()
    user, colon, password = credentials.partition(":")
    if not colon:
        raise _Wrong("write a password as user:password@ or :password@")
    return Login(unquote(user) or None, unquote(password))


def _address(text: str, port: int) -> Address:
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, number = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise _Wrong("a host is empty")
    return Address(unquote(host), _number(number, 65_535))


def _number(text: str, most: int = 1 << 31) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise _Wrong(f"{text[:20]} is no number of a port or a database")
    return int(text)
