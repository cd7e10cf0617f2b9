"""The keys that a login server publishes at a URL (JWK Set, RFC 7517), kept up to date in a thread.

They are fetched every `REFRESH_S`, and once more when a token names a key that is not known, at most once in `FORCED_S`
however many such tokens come. While a fetch is under way, or allowed again soon, a token with an unknown key is told to
come again; after a fetch that does not have its key, it is refused. When a fetch fails, the keys of the last one count.
Invariant: the event loop never waits for the login server, and nothing that clients send makes this fetch more often or
keep more than `MOST_WAITING` ids.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from tidegate.auth.keys import Key, KeyProblem, of_set
from tidegate.core.errors import Refused
from tidegate.counted import Counted

log = logging.getLogger("tidegate.tokens")
FAILED = Counted(
    log, logging.WARNING, "the keys at %s cannot be fetched: %s (keys that are known: %d)", name="keys_not_fetched"
)

REFRESH_S = 300.0
FORCED_S = 30.0
"""Seconds between two fetches that tokens cause."""
RETRY_S = 5.0
"""The same while no key is known at all: a gateway that has just started."""
MOST_BYTES = 65_536
MOST_WAITING = 1000
"""Ids of unknown keys that are remembered between two fetches."""
LONGEST_ID = 256
STEP_S = 5.0
"""How long the server may be silent."""
DEADLINE_S = 15.0
"""How long a whole fetch may take."""
SOON_S = 1.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class PublishedKeys:
    """Implements `auth.keys.Keys`. `of` belongs to the gateway's loop; it starts the thread with its first call."""

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], bytes] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch`: gives the document at a URL; raises OSError or ValueError. `now`: a clock that only goes forward.

        Raises KeyProblem for a URL that is not safe.
        """
        self._url = checked_url(url)
        self._fetch = fetch or fetched
        self._now = now
        self._lock = threading.Condition()
        """Held for what follows."""
        self._keys: Mapping[str, Key] = {}
        self._waiting: set[str] = set()
        """Keys that tokens named since the last fetch began, and that are not known."""
        self._absent: frozenset[str] = frozenset()
        """Keys that the last fetch looked for and did not find."""
        self._forced = False
        self._fetching = False
        self._began: float | None = None
        """When the last fetch that a token caused began, or the first one."""
        self._thread: threading.Thread | None = None
        self._ended = False

    def start(self) -> None:
        """Begin to fetch."""
        with self._lock:
            if self._thread is None and not self._ended:
                self._began = self._now()
                self._fetching = True
                self._thread = threading.Thread(target=self._run, name="tidegate-keys", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Fetch no more. It waits for nothing."""
        with self._lock:
            self._ended = True
            self._lock.notify()

    def of(self, algorithm: str, key_id: str | None) -> Sequence[Key]:
        self.start()
        name = key_id or ""
        with self._lock:
            found = self._keys.get(name)
            if found is None and not name and len(self._keys) == 1:
                (found,) = self._keys.values()  # RFC 7515, 4.1.4: a token may leave out which
            if found is not None:
                return [found] if found.algorithm == algorithm else ()
            if name in self._absent or len(name) > LONGEST_ID:
                return ()
            raise Refused("unavailable", "the key of the token is not known yet", retry_after=self._look_for(name))

    def _look_for(self, name: str) -> float:
        """Have `name` looked for with the next fetch; returns the seconds until it is worth to ask again."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.add(name)
        if self._fetching:
            return SOON_S
        assert self._began is not None
        wait = self._began + (FORCED_S if self._keys else RETRY_S) - self._now()
        if wait > 0:
            return wait + SOON_S
        self._forced = True
        self._fetching = True
        self._began = self._now()
        self._lock.notify()
        return SOON_S

    def _run(self) -> None:
        while True:
            with self._lock:
                looked_for, self._waiting, self._forced = self._waiting, set(), False
            self._take(looked_for)
            with self._lock:
                if not self._forced and not self._ended:
                    self._lock.wait(REFRESH_S if self._keys else RETRY_S)
                if self._ended:
                    return
                self._fetching = True

    def _take(self, looked_for: set[str]) -> None:
        """One fetch."""
        try:
            keys = of_set(json.loads(self._fetch(self._url)))
        except Exception as error:  # the boundary of the thread: the known keys go on
            problem = str(error) or type(error).__name__
            with self._lock:
                self._fetching = False
                known = len(self._keys)
            FAILED(_shown(self._url), problem[:200], known)
            return
        with self._lock:
            self._keys = keys
            self._absent = frozenset(looked_for - keys.keys())
            self._fetching = False


def checked_url(url: str) -> str:
    """Raises KeyProblem for a URL over which anyone on the way could give other keys."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise KeyProblem("must be a URL such as https://login.example.com/.well-known/jwks.json")
    if parts.username is not None or parts.password is not None:
        raise KeyProblem("must have no user and no password in it")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise KeyProblem("must begin with https://, because the keys decide who each client is")
    return url


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address would have to be checked as the first one; login servers have none."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def fetched(url: str) -> bytes:
    """The document at `url`. Blocks. Raises OSError or ValueError."""
    opener = urllib.request.build_opener(_NoRedirect)
    asked = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "tidegate"})  # noqa: S310  # checked_url
    deadline = time.monotonic() + DEADLINE_S
    text = b""
    try:
        with opener.open(asked, timeout=STEP_S) as answer:
            while part := answer.read1(16_384):
                text += part
                if len(text) > MOST_BYTES:
                    raise ValueError(f"the answer has more than {MOST_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the answer was not whole after {DEADLINE_S:g} s")
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"the server answers with status {error.code}") from None
    except urllib.error.URLError as error:
        raise OSError(f"the server cannot be reached: {error.reason}") from None
    return text


def _shown(url: str) -> str:
    """Without the query, which may hold a secret."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
