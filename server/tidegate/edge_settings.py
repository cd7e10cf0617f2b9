"""The settings about the edge of one gateway: where it listens, its names, and which pages and proxies it knows.

They are fields of `config.Settings`, which reads and checks them.
"""

from __future__ import annotations

import contextlib
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from tidegate.limit_settings import LimitSettings
from tidegate.operating_settings import about as _about


class EdgeSettings(LimitSettings, frozen=True, kw_only=True):
    """A part of one gateway's settings, and the limits: a Struct has one base."""

    host: Annotated[str, _about("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _about("Port to listen on; 0 takes a free one."), msgspec.Meta(ge=0, le=65535)] = 8787
    tls_cert: Annotated[
        str | None, _about("PEM file with the certificate and its chain, for TLS on `port`. Without it: no TLS.")
    ] = None
    tls_key: Annotated[
        str | None, _about("PEM file with the private key of `tls_cert`; without it, that file has the key too.")
    ] = None
    tls_client_ca: Annotated[
        str | None,
        _about("PEM file: only clients with a certificate that one of these signed can connect. Without it: all."),
    ] = None
    console: Annotated[
        bool | None,
        _about("Whether the page at `/` is served. Without it: in development mode only."),
    ] = None
    documents: Annotated[
        bool, _about("Whether `/docs`, `/schema/bundle.json`, `/asyncapi.json` and `/openapi.json` are served.")
    ] = True
    origins: Annotated[
        tuple[str, ...],
        _about("Web origins that may connect, besides the gateway's own; `*` is any. Programs send none and may."),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        _about(
            "Names of the gateway for HTTP and its own pages, besides `localhost`, addresses and `host`; `*` is any."
        ),
    ] = ()
    http_idle: Annotated[
        float, _about("Seconds that an HTTP connection without a request stays open."), msgspec.Meta(gt=0)
    ] = 75.0
    trusted_proxies: Annotated[
        tuple[str, ...],
        _about("Addresses or networks of proxies, whose `X-Forwarded-For` or PROXY header names the client's address."),
    ] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the gateway that are no addresses, besides localhost; none where the settings have none."""
        return self.hosts if _unnamed(self.host) else (*self.hosts, self.host)


def check_origins(origins: tuple[str, ...]) -> None:
    """Raises ValueError for one that no browser sends."""
    for each in origins:
        parts = urlsplit(each)
        sent = f"{parts.scheme}://{parts.netloc}"
        if each != "*" and not (parts.scheme and parts.netloc):
            raise ValueError(f"{each!r} is no origin; write a scheme and a name, such as https://app.example.com")
        if each not in ("*", sent.lower()):
            raise ValueError(f"browsers do not send {each!r} as an origin; write {sent.lower()}")


def check_hosts(hosts: tuple[str, ...]) -> None:
    """Raises ValueError for one that is more than a name."""
    for each in hosts:
        if each != "*" and (not each or set(each) & set("/:*@ ")):
            raise ValueError(
                f"{each!r} is no name of a host; write it without scheme and port, such as app.example.com"
            )


def _unnamed(host: str) -> bool:
    """Whether it is an address, all addresses, or localhost."""
    with contextlib.suppress(ValueError):
        ip_address(host)
        return True
    return host in ("", "localhost")
