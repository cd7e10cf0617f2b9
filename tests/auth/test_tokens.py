"""Tokens: who one proves to be, and everything that must prove nothing - forged, mixed up, expired or malformed."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from tidegate import config
from tidegate.auth.tokens import (
    ALGORITHM,
    ANONYMOUS_PREFIX,
    ID_LIMIT,
    IDENTITY_AUDIENCE,
    IDENTITY_TTL_S,
    TokenIdentities,
    of_secret,
    sign,
)
from tidegate.core.errors import Refused
from tidegate.core.identities import APPLICATION
from tidegate_protocol import Principal

SECRET = "the-secret-of-the-users-of-these-tests-long-enough-for-any-algorithm"
OTHER = "another-secret-that-is-long-enough-too"
IDENTITY_SECRET = "the-secret-that-the-database-has-made"
NOW = time.time()


@pytest.fixture
def identities() -> TokenIdentities:
    return TokenIdentities(of_secret(SECRET), IDENTITY_SECRET)


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: object, secret: str = SECRET, algorithm: str = ALGORITHM, **headers: Any) -> str:
    """A token of any claims at all, which `jwt.encode` would not make. It has an end where they do not say it."""
    if isinstance(claims, dict):
        claims = {"exp": int(NOW) + 600, **claims}
    return jwt.PyJWS().encode(json.dumps(claims).encode(), secret, algorithm, headers=headers or None)


def hashed(header: dict[str, object]) -> str:
    """A token with the right HMAC under a header that names another algorithm or type."""
    said = f"{part(header)}.{part({'sub': '7', 'exp': int(NOW) + 600})}"
    return f"{said}.{part(hmac.digest(SECRET.encode(), said.encode(), 'sha256'))}"


def identity(identities: TokenIdentities, user: Principal, now: float) -> str:
    given = identities.identity(user, None, now)
    assert given is not None
    return given.token


def refusal(identities: TokenIdentities, token: str) -> Refused:
    with pytest.raises(Refused) as refused:
        identities.check(token)
    assert refused.value.code == "unauthenticated"
    for piece in token.split("."):
        assert len(piece) < 8 or piece not in refused.value.message, "the text never holds the token"
    return refused.value


# -- users ------------------------------------------------------------------------------------------------------------


def test_a_signed_token_proves_its_user_until_it_ends(identities: TokenIdentities) -> None:
    identified = identities.check(sign(SECRET, "7", "Ada", ["admin", "editor"], NOW, 3600))
    user = identified.user
    assert (user.id, user.name, user.roles, user.anonymous) == ("7", "Ada", ["admin", "editor"], False)
    assert identified.expires_at == int(NOW + 3600)


def test_an_expired_token_says_so(identities: TokenIdentities) -> None:
    refused = refusal(identities, sign(SECRET, "7", "Ada", [], NOW - 120, 60))
    assert "expired" in refused.message
    assert refused.pointer == "/token"


def test_the_forger_of_these_tests_can_sign(identities: TokenIdentities) -> None:
    assert identities.check(hashed({"alg": "HS256"})).user.id == "7"


def test_a_token_without_an_end_is_refused(identities: TokenIdentities) -> None:
    token = jwt.encode({"sub": "7"}, SECRET, "HS256")
    assert "(`exp`)" in refusal(identities, token).message


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["a", "b"]}, ["a", "b"]),
        ({"roles": "a"}, ["a"]),
        ({"role": "a"}, ["a"]),
        ({"roles": ["a"], "role": "b"}, ["a"]),
        ({"roles": ["a", 1, None, ["b"], {"c": 1}]}, ["a"]),
        ({"roles": {"admin": True}}, []),
        ({"roles": None}, []),
        ({"roles": 5}, []),
        ({"roles": True}, []),
        ({"role": None}, []),
        ({}, []),
    ],
)
def test_roles_are_the_texts_in_the_claim_and_nothing_else(
    identities: TokenIdentities, claims: dict[str, object], roles: list[str]
) -> None:
    assert identities.check(signed({"sub": "7", **claims})).user.roles == roles


def test_a_name_is_shortened_and_one_that_is_no_text_is_the_id(identities: TokenIdentities) -> None:
    assert identities.check(signed({"sub": "7", "name": "n" * 1000})).user.name == "n" * ID_LIMIT
    for name in (None, 5, ["x"]):
        assert identities.check(signed({"sub": "7", "name": name})).user.name == "7"


def test_what_could_not_be_sent_as_utf8_does_not_get_in(identities: TokenIdentities) -> None:
    user = identities.check(signed({"sub": "7", "name": "a\ud800b", "roles": ["\udfff"]})).user
    assert (user.name, user.roles) == ("a?b", ["?"])
    refusal(identities, signed({"sub": "a\ud800b"}))


ALGORITHMS: list[object] = ["none", "None", "NONE", "nOnE", "", "RS256", "ES256", "HS1", None, 5, ["HS256"], {}]
UNPROVED = {
    "wrong secret": signed({"sub": "7"}, OTHER),
    "the identity secret": signed({"sub": "7"}, IDENTITY_SECRET),
    "the empty secret": part({"alg": "HS256", "typ": "JWT"}) + "." + part({"sub": "7"}) + ".AAAA",
    "no signature": ".".join(signed({"sub": "7"}).split(".")[:2]) + ".",
    "a changed payload": ".".join(
        [signed({"sub": "7"}).split(".")[0], part({"sub": "8"}), signed({"sub": "7"}).split(".")[2]]
    ),
    **{
        f"algorithm {algorithm}": f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part({'sub': '7'})}."
        for algorithm in ALGORITHMS
    },
    "none with a signature": f"{part({'alg': 'none'})}.{part({'sub': '7'})}.{signed({'sub': '7'}).split('.')[2]}",
    "HS384 with the right secret": signed({"sub": "7"}, SECRET, "HS384"),
    "HS512 with the right secret": signed({"sub": "7"}, SECRET, "HS512"),
    "RS256 by its header, signed with the secret": hashed({"alg": "RS256"}),
    "none by its header, signed with the secret": hashed({"alg": "none"}),
    "a key of its own": signed({"sub": "7"}, OTHER, jwk={"kty": "oct", "k": part(OTHER.encode())}),
    "an unknown critical header": signed({"sub": "7"}, SECRET, crit=["x"], x=1),
    "for somebody else": signed({"sub": "7", "aud": "another-service"}),
    "not yet": signed({"sub": "7", "nbf": NOW + 3600}),
}
MALFORMED = {
    "empty": "",
    "dots": "..",
    "words": "not a token",
    "four parts": "a.b.c.d",
    "not ASCII": "é.é.é",
    "a lone surrogate": "\ud800.a.b",
    "NUL": "\0.\0.\0",
    "deep header": part(b"[" * 5000 + b"]" * 5000) + "." + part({}) + ".AAAA",
    "deep payload": signed({"sub": "7"}).split(".")[0] + "." + part(b'{"a":' * 3000 + b"1" + b"}" * 3000) + ".AAAA",
    "a payload that is a list": signed([1]),
    "a payload that is a text": signed("7"),
    "no sub": signed({"name": "Ada"}),
    "sub null": signed({"sub": None}),
    "sub 7": signed({"sub": 7}),
    "sub a list": signed({"sub": ["7"]}),
    "sub empty": signed({"sub": ""}),
    "sub too long": signed({"sub": "x" * (ID_LIMIT + 1)}),
    "sub of the gateway": signed({"sub": APPLICATION.id}),
    "sub anonymous": signed({"sub": ANONYMOUS_PREFIX + "1"}),
    "exp null": signed({"sub": "7", "exp": None}),
    "exp a list": signed({"sub": "7", "exp": [1]}),
    "exp infinite": signed({"sub": "7", "exp": float("inf")}),
    "exp not a number": signed({"sub": "7", "exp": float("nan")}),
    "exp beyond any float": signed({"sub": "7", "exp": 10**400}),
    "exp in words": signed({"sub": "7", "exp": "tomorrow"}),
}


@pytest.mark.parametrize("token", UNPROVED.values(), ids=UNPROVED)
def test_a_token_that_proves_nothing_is_refused(identities: TokenIdentities, token: str) -> None:
    refusal(identities, token)


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED)
def test_a_token_that_is_malformed_is_refused_not_a_crash(identities: TokenIdentities, token: str) -> None:
    refusal(identities, token)


def test_without_a_secret_no_token_is_taken_not_even_one_signed_with_nothing() -> None:
    identities = TokenIdentities(None, IDENTITY_SECRET)
    assert "TIDEGATE_SECRET" in refusal(identities, signed({"sub": "7"})).message
    refusal(identities, UNPROVED["algorithm none"])


def test_the_development_secret_counts_in_development_only() -> None:
    token = sign(config.DEVELOPMENT_SECRET, "7", "Ada", [], NOW, 3600)
    settings = config.Settings(dev=True)
    assert TokenIdentities(of_secret(settings.token_secret), IDENTITY_SECRET).check(token).user.id == "7"
    for settings in (config.Settings(), config.Settings(secret=SECRET), config.Settings(secret=SECRET, dev=True)):
        refusal(TokenIdentities(of_secret(settings.token_secret), IDENTITY_SECRET), token)


# -- anonymous clients ------------------------------------------------------------------------------------------------


def test_anonymous_ids_are_unique_prefixed_and_hard_to_guess(identities: TokenIdentities) -> None:
    users = [identities.anonymous() for _ in range(2000)]
    assert len({user.id for user in users}) == 2000
    assert all(user.id.startswith(ANONYMOUS_PREFIX) and len(user.id) >= len(ANONYMOUS_PREFIX) + 16 for user in users)
    assert all(user.anonymous and user.roles == [] and user.name for user in users)


def test_an_anonymous_client_comes_back_as_itself_with_its_identity_token(identities: TokenIdentities) -> None:
    user = identities.anonymous()
    identified = identities.check(identity(identities, user, NOW))
    assert (identified.user, identified.expires_at) == (user, None)


def test_an_identity_token_ends_and_holds_for_its_database_alone(identities: TokenIdentities) -> None:
    user = identities.anonymous()
    refusal(identities, identity(identities, user, NOW - IDENTITY_TTL_S - 1))
    refusal(identities, identity(TokenIdentities(of_secret(SECRET), OTHER), user, NOW))


def test_the_two_kinds_of_tokens_are_never_mixed(identities: TokenIdentities) -> None:
    anonymous = {"sub": ANONYMOUS_PREFIX + "1", "exp": NOW + 3600}
    forged = {
        "an identity signed with the users' secret": signed({**anonymous, "aud": IDENTITY_AUDIENCE}),
        "an identity without its audience": signed(anonymous, IDENTITY_SECRET),
        "an identity for a list of audiences": signed({**anonymous, "aud": [IDENTITY_AUDIENCE]}, IDENTITY_SECRET),
        "an identity without an end": jwt.encode(
            {"sub": anonymous["sub"], "aud": IDENTITY_AUDIENCE}, IDENTITY_SECRET, "HS256"
        ),
        "an identity of a user": signed({**anonymous, "sub": "7", "aud": IDENTITY_AUDIENCE}, IDENTITY_SECRET),
        "an unsigned identity": f"{part({'alg': 'none'})}.{part({**anonymous, 'aud': IDENTITY_AUDIENCE})}.",
    }
    for token in forged.values():
        refusal(identities, token)


def test_roles_in_an_identity_token_count_for_nothing(identities: TokenIdentities) -> None:
    claims = {"sub": ANONYMOUS_PREFIX + "1", "exp": NOW + 3600, "aud": IDENTITY_AUDIENCE, "roles": ["admin"]}
    user = identities.check(signed(claims, IDENTITY_SECRET)).user
    assert (user.roles, user.anonymous) == ([], True)
