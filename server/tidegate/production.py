"""What is risky about settings in production, and what an operator writes instead.

Pure: it is given the settings and the limit of open files, and prints nothing. A risk is something that lets a stranger
in, shows a secret, or lets one client take what all need; whether it is wanted, the operator decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tidegate.config import LOOPBACK, Settings

OFF = {
    "rate": "a client may send as many frames as it likes",
    "rate_bytes": "a client may send as many bytes as it likes",
    "address_connects": "one address may connect as often as it likes",
    "address_connections": "one address may take all connections",
    "address_rooms": "one address may open as many rooms as it likes",
    "token_attempts": "one address may guess tokens as often as it likes",
    "memory": "clients may make the gateway hold more than the machine has",
    "read_timeout": "one read may hold up all others",
    "write_timeout": "one write may hold up all others",
    "slow_rate": "a client that reads nothing keeps its connection and what waits for it",
}
"""What may happen where the setting is 0."""
RESERVE = 164
"""Open files besides connections (`open_files.SPARE`)."""


class Risk(NamedTuple):
    setting: str
    """The setting that would remove it."""
    text: str
    """What may happen, and what to write instead."""


def risks(settings: Settings, open_files: int | None, readable: frozenset[str] = frozenset()) -> list[Risk]:
    """`open_files`: how many this process may have; None for no limit.

    `readable`: settings whose value is in a file that every user of the machine can read.
    """
    return [
        *_of_tokens(settings),
        *_of_pages(settings),
        *_of_network(settings),
        *(Risk(name, f"0: {text}") for name, text in OFF.items() if getattr(settings, name) in (0, "0")),
        *_of_machine(settings, open_files),
        *(
            Risk(name, "every user of the machine can read the file it comes from; type: chmod 600 FILE")
            for name in sorted(readable)
        ),
    ]


def _of_tokens(settings: Settings) -> Iterator[Risk]:
    if settings.dev:
        yield Risk("dev", "development mode: its secret for tokens is public, so anyone can sign them; leave it out")
    takes_tokens = settings.secret or settings.secret_file or settings.keys or settings.jwks
    if not takes_tokens and not settings.dev:
        yield Risk(
            "secret",
            "none: no client can sign in; set secret_file, keys or jwks (`openssl rand -hex 32` makes a secret)",
        )
    if settings.anonymous:
        yield Risk(
            "anonymous",
            "clients without a token are let in, and may do what the schema allows `anyone`; "
            "write anonymous = false if there are none",
        )
    if takes_tokens and not settings.audiences:
        yield Risk(
            "audience",
            "none: a token that the same signer made for another program, without an audience, is accepted; "
            'write audience = "NAME OF THIS GATEWAY"',
        )


def _of_pages(settings: Settings) -> Iterator[Risk]:
    if "*" in settings.origins:
        yield Risk("origins", "`*`: every web page on the internet may connect; name the pages")
    if "*" in settings.hosts:
        yield Risk("hosts", "`*`: pages of any name that points here count as the gateway's own; name the gateway")
    if settings.serves_console:
        yield Risk("console", "the console shows the schema to anyone, without its rules; write console = false")
    if settings.documents:
        yield Risk(
            "documents", "anyone can read the schema, without its rules; write documents = false if it is no public API"
        )
    if not settings.hosts and settings.host not in LOOPBACK:
        yield Risk(
            "hosts",
            "none: web pages that this gateway's own name serves cannot connect, and HTTP requests to that name are "
            'refused; write hosts = ["app.example.com"]',
        )


def _of_network(settings: Settings) -> Iterator[Risk]:
    if settings.host not in LOOPBACK and not settings.trusted_proxies and settings.tls_cert is None:
        yield Risk(
            "trusted_proxies",
            f"none, and {settings.host} is no loopback address: tokens travel unencrypted, if no proxy with TLS is in "
            "front; name the proxy",
        )


def _of_machine(settings: Settings, open_files: int | None) -> Iterator[Risk]:
    if open_files is not None and open_files < settings.max_connections + RESERVE:
        yield Risk(
            "max_connections",
            f"{settings.max_connections}, and this process may have {open_files} open files: fewer clients fit; raise "
            f"the limit to {settings.max_connections + RESERVE} (`ulimit -n`, LimitNOFILE)",
        )
    if settings.log_level == "debug":
        yield Risk("log_level", "debug: the log grows with each statement of the database; write info")
