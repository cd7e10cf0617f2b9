"""URLs of servers in settings: what of them may be shown, and which are not what their writer meant.

A password is a part of such a URL, and one with a `/` or `@` in it that is not escaped makes another URL of it: a part
of the password is then the host, the port or the path, which errors and log lines show. It opens nothing.
Invariant: no text of this module holds a part of a password.
"""

from __future__ import annotations

import re

ESCAPE = (
    "a character of the user or the password makes it another URL; write @, /, ?, # and % there as %40, %2F, %3F, %23 "
    "and %25"
)
OF_FILES = re.compile(r"(?:sqlite|unix|\w+\+unix):")
URL = re.compile(r"(?P<scheme>[a-z+]*):(?://)?(?P<place>[^/?]*)(?P<path>[^?]*)(?P<query>.*)", re.DOTALL)
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
PORT = re.compile(r":[^:\]]*\D[^:\]]*$")


def mistake(url: str) -> str | None:
    """What is wrong with a URL that holds a password which is not escaped; None where nothing shows that."""
    parts = URL.match(url)
    if parts is None:
        return None
    login, at, hosts = parts["place"].rpartition("@")
    if at:
        # PostgreSQL's library takes what follows the first @ for the host.
        cut = "@" in login and parts["scheme"].startswith("postgres")
        return ESCAPE if cut or BROKEN_ESCAPE.search(login) else None
    if "@" in parts["path"] and not OF_FILES.match(url):
        return ESCAPE
    if "@" in parts["query"] and any(PORT.search(host) for host in hosts.split(",")):
        return ESCAPE
    return None


def check(url: str) -> None:
    """Raises ValueError for a `mistake`."""
    if (wrong := mistake(url)) is not None:
        raise ValueError(wrong)


def shown(url: str) -> str:
    """The URL without what is secret in it: no user, no password, no parameters."""
    parts = URL.match(url)
    place = "[" if parts is None else parts["place"].rpartition("@")[2]
    if parts is None or place.count("[") != place.count("]") or "://" not in url or mistake(url) is not None:
        return f"{url.partition(':')[0]}://..."
    return f"{parts['scheme']}://{place}{parts['path'].partition('#')[0]}"
