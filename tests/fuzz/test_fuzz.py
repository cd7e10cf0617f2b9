"""The corpus of the fuzzer, tried again, and proof that the fuzzer finds a reader that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.fuzz import frames, heads, messages, proxies, settings, tokens
from tests.fuzz.__main__ import EVERY
from tests.fuzz.campaign import play
from tests.fuzz.mutation import LARGEST, Mutator
from tests.fuzz.target import Target
from tests.support.deadlines import DEADLINE_S
from tidegate import setting_sources
from tidegate.contract import Contract
from tidegate.transport import Peers, handshake, peers, proxy_protocol, read_side
from tidegate.transport import frames as wire


@pytest.mark.parametrize("target", EVERY, ids=lambda target: target.name)
def test_every_input_of_the_corpus_is_read_rightly(target: Target) -> None:
    found = play(target, 0, 0.0)
    assert found.violation is None, found.violation
    assert found.outcomes > 3


def _short(patch: pytest.MonkeyPatch) -> None:
    """A frame of 126 bytes and more ends one byte early."""
    right = wire.frame_size

    def size(buffer: bytes, at: int) -> tuple[int, int] | None:
        found = right(buffer, at)
        return found if found is None or found[1] < 126 else (found[0], found[1] - 1)

    patch.setattr(read_side, "frame_size", size)


def _nothing_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Contract, "decode", lambda self, payload: object())


def _every_origin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handshake, "_origin_allowed", lambda headers, settings: True)


def _unverified(patch: pytest.MonkeyPatch) -> None:
    right = jwt.decode
    patch.setattr(jwt, "decode", lambda token, *rest, **options: right(token, options={"verify_signature": False}))


def _no_config_error(patch: pytest.MonkeyPatch) -> None:
    def read(name: str | None, known: Collection[str]) -> dict[str, Any]:
        return tomllib.loads(Path(str(name)).read_text(encoding="utf-8"))

    patch.setattr(setting_sources, "from_file", read)


def _left_most(patch: pytest.MonkeyPatch) -> None:
    """The client is believed: the left-most address of X-Forwarded-For counts."""
    right = Peers.forwarded
    patch.setattr(Peers, "forwarded", lambda self, proxy, headers: right(self, proxy, headers[:1]))


def _mapped_apart(patch: pytest.MonkeyPatch) -> None:
    """An IPv4 address in an IPv6 one is another client, and no proxy."""
    patch.setattr(peers, "parse", lambda text: ip_address(text.partition("%")[0]) if _is_address(text) else None)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _any_family(patch: pytest.MonkeyPatch) -> None:
    """A health check of a load balancer counts as the client that it names."""
    patch.setattr(proxy_protocol, "PROXIED", 0x20)


FAULTS: dict[str, tuple[Target, Callable[[pytest.MonkeyPatch], None]]] = {
    "frames are cut wrongly": (frames.TARGET, _short),
    "no message is refused": (messages.TARGET, _nothing_refused),
    "every page may connect": (heads.TARGET, _every_origin),
    "the client names its address": (proxies.TARGET, _left_most),
    "IPv4 in IPv6 is another address": (proxies.TARGET, _mapped_apart),
    "a proxy's own PROXY header counts": (proxies.TARGET, _any_family),
    "no signature is verified": (tokens.TARGET, _unverified),
    "a broken file is no ConfigError": (settings.TARGET, _no_config_error),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_reader_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, break_it = FAULTS[fault]
    break_it(monkeypatch)
    assert play(target, 1, DEADLINE_S).violation is not None


def test_mutations_repeat_with_the_seed_and_stay_small() -> None:
    known = [b'{"type":"ping"}', b"", b"x" * LARGEST]
    first, again = Mutator(7, [b"word"]), Mutator(7, [b"word"])
    made = [first.mutated(known) for _ in range(500)]
    assert made == [again.mutated(known) for _ in range(500)]
    assert max(map(len, made)) <= LARGEST
    assert len(set(made)) > 400
