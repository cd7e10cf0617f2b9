"""Tokens. What must hold: a token is refused with a typed error, or it is one that was signed, to the letter.

An error's text never holds the token.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import jwt

from tests.fuzz.target import Run, Target
from tidegate.auth.tokens import IDENTITY_AUDIENCE, TokenIdentities, of_secret, sign
from tidegate.core.errors import Refused
from tidegate_protocol import Principal

SECRET, IDENTITY_SECRET = "u" * 32, "i" * 32
NOW = 1_800_000_000.0
GUEST = Principal(id="anon-0123456789abcdef", name="Guest", roles=[], anonymous=True)
USER = sign(SECRET, "ada", "Ada", ["admin"], NOW, 60.0, {"team": 7})
_GIVEN = TokenIdentities(of_secret(SECRET), IDENTITY_SECRET, lambda: NOW).identity(GUEST, None, NOW)
assert _GIVEN is not None
IDENTITY = _GIVEN.token


def _unsigned(claims: object, **head: object) -> bytes:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
    return b".".join([*parts, b""])


CONFUSED = jwt.encode({"sub": "ada", "aud": IDENTITY_AUDIENCE, "exp": int(NOW + 60)}, SECRET, "HS256")
SEEDS = [
    USER.encode(), IDENTITY.encode(), CONFUSED.encode(), _unsigned({"sub": "ada"}, alg="none"),
    _unsigned({"sub": ["ada"]}, alg="HS256", kid="../../key"), b"a.b.c", b"",
]  # fmt: skip
WORDS = [
    b".",
    b"..",
    b"=",
    b"-_",
    b"eyJ",
    b"e30",
    b"AAAA",
    USER.rpartition(".")[2].encode(),
    IDENTITY.rpartition(".")[0].encode(),
]


@contextmanager
def make() -> Iterator[Run]:
    identities = TokenIdentities(of_secret(SECRET, clock=lambda: NOW), IDENTITY_SECRET, lambda: NOW)
    signed = {_significant(USER): "ada", _significant(IDENTITY): GUEST.id}

    def run(data: bytes) -> str:
        token = data.decode("latin-1")
        try:
            identity = identities.check(token)
        except Refused as refused:
            assert refused.code == "unauthenticated"
            assert len(token) < 20 or token not in refused.message
            return refused.message
        assert signed.get(_significant(token)) == identity.user.id, f"accepted: {token!r}"
        return f"accepted {identity.user.id}"

    yield run


def _significant(token: str) -> tuple[bytes, ...]:
    """The bytes that the parts of a token mean; a decoder may pass over the spare bits of a last letter."""
    return tuple(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))


TARGET = Target("tokens", make, SEEDS, WORDS)
