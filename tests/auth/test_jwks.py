"""Published keys: fetched in a thread, at most once in 30 seconds for what clients send, kept when a fetch fails."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.auth.signing import jwk, key_server
from tests.support.deadlines import DEADLINE_S
from tidegate.auth import jwks
from tidegate.auth.jwks import FORCED_S, PublishedKeys, checked_url, fetched
from tidegate.auth.keys import Key, KeyProblem
from tidegate.core.errors import Refused

URL = "https://login.example.com/jwks.json"


class Server:
    """A login server whose answers a test lets through one by one."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: list[dict[str, Any]] | None = list(keys)
        """None while it fails."""
        self.asked = 0
        self.now = 1000.0
        self._may = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self.published = PublishedKeys(URL, self._fetch, lambda: self.now)

    def let_fetch(self) -> None:
        """Let one fetch happen. Its keys may be there a moment later, and the next fetch may have begun."""
        self._may.release()
        assert self._done.acquire(timeout=DEADLINE_S)

    def answer(self) -> None:
        """Let one fetch happen, and wait until its keys are there."""
        self.let_fetch()
        assert _within(lambda: not self.published._fetching)

    def _fetch(self, url: str) -> bytes:
        assert url == URL
        self._may.acquire()
        self.asked += 1
        self._done.release()
        if self.keys is None:
            raise OSError("no route")
        return json.dumps({"keys": self.keys}).encode()

    def close(self) -> None:
        self.published.close()
        self._may.release(10)


def _within(true: Callable[[], bool]) -> bool:
    """Whether it becomes true: the thread takes a step after the answer."""
    looked = threading.Event()
    for _ in range(int(DEADLINE_S * 200)):
        if true():
            return True
        looked.wait(0.005)
    return False


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(jwk("one"))
    made.published.start()
    yield made
    made.close()


def of(server: Server, kid: str | None, algorithm: str = "RS256") -> list[Key]:
    return list(server.published.of(algorithm, kid))


def wait_said(server: Server, kid: str) -> float:
    """The seconds after which the client of a token with an unknown key is told to come again."""
    with pytest.raises(Refused) as refused:
        of(server, kid)
    assert refused.value.code == "unavailable"
    assert refused.value.retry_after is not None
    return refused.value.retry_after


def test_tokens_wait_for_the_first_fetch_and_then_have_their_key(server: Server) -> None:
    assert wait_said(server, "one") == 1.0
    server.answer()
    assert [key.id for key in of(server, "one")] == ["one"]
    assert [key.id for key in of(server, None)] == ["one"], "there is one alone, so that a token may leave out its name"
    assert of(server, "one", "ES256") == [], "the key is for one algorithm"


def test_key_that_is_new_at_the_login_server_is_fetched_when_a_token_names_it(server: Server) -> None:
    server.answer()
    server.keys = [jwk("one"), jwk("two", number=2)]
    server.now += FORCED_S
    assert wait_said(server, "two") == 1.0
    server.answer()
    assert [key.id for key in of(server, "two")] == ["two"]
    assert server.asked == 2


def test_flood_of_unknown_keys_leads_to_one_fetch_in_thirty_seconds(server: Server) -> None:
    server.answer()
    server.now += FORCED_S
    for number in range(5000):
        wait_said(server, f"unknown-{number}")
    server.answer()
    assert server.asked == 2
    assert len(server.published._waiting) <= jwks.MOST_WAITING
    assert of(server, "unknown-7") == [], "it was looked for, and is refused"
    for step in range(29):
        server.now += 1.0
        for number in range(100):
            assert wait_said(server, f"later-{step}-{number}") > 1.0, "come again when there may be a fetch"
    assert server.asked == 2
    server.now += 1.0
    assert wait_said(server, "once-more") == 1.0
    server.answer()
    assert server.asked == 3
    assert len(server.published._absent) <= jwks.MOST_WAITING


def test_known_keys_count_on_while_the_login_server_fails(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.answer()
    server.keys = None
    server.now += FORCED_S
    with caplog.at_level(logging.WARNING, "tidegate.tokens"):
        wait_said(server, "two")
        server.answer()
    assert [key.id for key in of(server, "one")] == ["one"]
    assert wait_said(server, "two") > 1.0, "whether there is such a key is not known"
    assert _within(lambda: "no route" in caplog.text), "the thread writes it after its answer"
    assert "(keys that are known: 1)" in caplog.text


def test_key_that_the_login_server_withdrew_counts_no_more(server: Server) -> None:
    server.answer()
    server.keys = [jwk("two", number=2)]
    server.now += FORCED_S
    wait_said(server, "two")
    server.answer()
    with pytest.raises(Refused):
        of(server, "one")


def test_keys_are_fetched_regularly_without_any_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "REFRESH_S", 0.001)
    server = Server(jwk("one"))
    server.published.start()
    try:
        server.let_fetch()
        server.let_fetch()
        server.let_fetch()
    finally:
        server.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/jwks", "ftp://login.example.com/jwks", "login.example.com/jwks", "https://",
        "https://user:password@login.example.com/jwks", "file:///etc/jwks", "http://127.0.0.1.example.com/jwks", "http://[",
    ],
)  # fmt: skip
def test_url_over_which_others_could_give_keys_is_refused(url: str) -> None:
    with pytest.raises(KeyProblem):
        checked_url(url)


def test_loopback_needs_no_encryption() -> None:
    for url in (
        "http://127.0.0.1:9/jwks",
        "http://localhost/jwks",
        "http://[::1]:9/jwks",
        "https://login.example.com/",
    ):
        assert checked_url(url) == url


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda server: setattr(server, "status", 302), "status 302"),
        (lambda server: setattr(server, "status", 500), "status 500"),
        (lambda server: setattr(server, "keys", [{"x": "y" * 70_000}]), "more than 65,536 bytes"),
    ],
)
def test_answer_that_is_no_set_of_keys_is_refused(make: Callable[[Any], None], complaint: str) -> None:
    with key_server() as server:
        make(server)
        with pytest.raises((OSError, ValueError), match=complaint):
            fetched(server.url)


def test_document_is_fetched_over_http() -> None:
    with key_server() as server:
        server.keys = [jwk("one")]
        assert json.loads(fetched(server.url)) == {"keys": server.keys}
