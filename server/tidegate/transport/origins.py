"""Which web pages may use the gateway: the Origin and the Host of a request, and what a page's browser is told (CORS).

Programs send no origin and may. A browser hides an answer from a page of a foreign origin, but it does send the
request. Therefore such a request is refused before its body is read, and the headers of CORS only open what is
allowed.
Invariant: no answer allows credentials, and none names an origin that the settings do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from tidegate.transport.peers import parse

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
ANY = "*"
EXPOSED = "ETag, Location, Retry-After"
"""Headers that a page may read, besides those that it may read always (Fetch, CORS-safelisted response-header name)."""
ALLOWED_HEADERS = "authorization, content-type, idempotency-key, if-match, if-none-match"
PREFLIGHT_S = 600
"""How long a browser may keep the answer to a preflight."""
KNOWN = 16
"""Names for which the answer is kept: nearly all clients call the gateway by one of a few."""


@lru_cache(maxsize=KNOWN)
def origin_allowed(
    origin: str | None, host: str, origins: tuple[str, ...], hosts: tuple[str, ...] = (), *, loopback: bool
) -> bool:
    """A page may come from this gateway itself (`host`: what the request calls it), or from one of `origins`.

    `hosts`: see `host_allowed`. `loopback`: instead of the gateway's own pages, those of this machine. Raises
    ValueError for an origin that is none.
    """
    if origin is None or ANY in origins or origin in origins:
        return True
    page = urlsplit(origin)
    if loopback:
        return page.hostname in LOOPBACK_HOSTS
    return bool(page.netloc) and page.netloc == host and host_allowed(host, hosts)


@lru_cache(maxsize=KNOWN)
def host_allowed(host: str, hosts: tuple[str, ...]) -> bool:
    """Whether the gateway may be called `host`, which a request names: one of `hosts`, localhost, or a bare address.

    Another DNS name may point here, too: its owner decides that. The browser then takes a page of that name for one of
    the gateway's own, and the page's GET has no Origin (DNS rebinding). An address is no name. `*` in
    `hosts` is any name. Raises ValueError for a host that is none.
    """
    if ANY in hosts:
        return True
    name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    return name in LOOPBACK_HOSTS or parse(name) is not None or any(name == each.lower() for each in hosts)


def cors(origin: str) -> Mapping[str, str]:
    """What an answer to a request of an allowed origin says beside `Vary: Origin`, which all answers say."""
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}


def preflight(methods: str) -> Mapping[str, str]:
    """The headers that let a page send requests of `methods`."""
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
    }
