"""Tokens of the shapes of five login servers are good with the settings of docs/how-to/identity-providers.md alone.

Local keys sign them, and a local server publishes the keys.
"""

from __future__ import annotations

import argparse
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from tests.auth.signing import KeyServer, jwk, key_server, signed
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tidegate import config, identities
from tidegate.auth.tokens import TokenIdentities
from tidegate.core.errors import Refused
from tidegate.core.identities import TokenRefused, VerifiedIdentity

PAGE = ROOT / "docs" / "how-to" / "identity-providers.md"
BLOCKS = dict(re.findall(r"^## (\w+)\n\n```toml\n(.*?)```", PAGE.read_text(), re.M | re.S))


class Shape(msgspec.Struct, frozen=True):
    """A token as one login server makes it, and what is to be read from it."""

    algorithm: str
    claims: dict[str, Any]
    id: str
    name: str
    roles: list[str]
    others: dict[str, Any] = {}


SHAPES = {
    "Auth0": Shape(
        "RS256",
        {
            "https://app.example.com/roles": ["editor"],
            "https://app.example.com/name": "Ada",
            "iss": "https://example.eu.auth0.com/",
            "sub": "auth0|65f1c0ffee",
            "aud": ["https://api.example.com", "https://example.eu.auth0.com/userinfo"],
            "azp": "client",
            "scope": "openid profile",
            "permissions": ["read:notes"],
        },
        "auth0|65f1c0ffee",
        "Ada",
        ["editor"],
        {"permissions": ["read:notes"]},
    ),
    "Keycloak": Shape(
        "RS256",
        {
            "jti": "onrtac:6f",
            "iss": "https://login.example.com/realms/shop",
            "aud": ["tidegate", "account"],
            "sub": "1c7f3a50-9d3f-4a1c-8d5e-0a8a5ed6a7b1",
            "typ": "Bearer",
            "azp": "web",
            "session_state": "s",
            "realm_access": {"roles": ["editor", "offline_access"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "scope": "openid",
            "preferred_username": "ada",
            "groups": ["/north"],
        },
        "1c7f3a50-9d3f-4a1c-8d5e-0a8a5ed6a7b1",
        "ada",
        ["editor", "offline_access"],
        {"groups": ["/north"]},
    ),
    "Supabase": Shape(
        "ES256",
        {
            "iss": "https://abcdefghijklm.supabase.co/auth/v1",
            "aud": "authenticated",
            "sub": "9a2ce1d0-4c1f-4b8e-9a0a-6c9d7f3f2b11",
            "role": "authenticated",
            "aal": "aal1",
            "session_id": "s",
            "email": "ada@example.com",
            "is_anonymous": False,
            "app_metadata": {"provider": "email", "roles": ["editor"]},
            "user_metadata": {"full_name": "Ada", "roles": ["admin"]},
        },
        "9a2ce1d0-4c1f-4b8e-9a0a-6c9d7f3f2b11",
        "Ada",
        ["editor"],
        {"email": "ada@example.com"},
    ),
    "Cognito": Shape(
        "RS256",
        {
            "sub": "b3c4d5e6-0000-4000-8000-0123456789ab",
            "cognito:groups": ["editor"],
            "cognito:username": "ada",
            "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
            "aud": "1h57kf5cpq17m0eml12EXAMPLE",
            "token_use": "id",
            "origin_jti": "o",
            "event_id": "e",
        },
        "b3c4d5e6-0000-4000-8000-0123456789ab",
        "ada",
        ["editor"],
        {"token_use": "id"},
    ),
    "Firebase": Shape(
        "RS256",
        {
            "name": "Ada",
            "roles": ["editor"],
            "iss": "https://securetoken.google.com/my-project",
            "aud": "my-project",
            "user_id": "kY3f",
            "sub": "kY3f",
            "firebase": {"identities": {"email": ["ada@example.com"]}, "sign_in_provider": "password"},
        },
        "kY3f",
        "Ada",
        ["editor"],
    ),
}


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as found:
        yield found


class Login:
    """The settings of one login server, with its keys at a local one."""

    def __init__(self, name: str, folder: Path, server: KeyServer) -> None:
        self.shape = SHAPES[name]
        url = tomllib.loads(BLOCKS[name])["jwks"]
        (folder / "tidegate.toml").write_text(BLOCKS[name].replace(url, server.url))
        settings = config.load(argparse.Namespace(config=str(folder / "tidegate.toml")), {})
        self.keys = identities.token_keys(settings)
        self.identities = identities.identities(settings, self.keys, "the-secret-of-the-database-of-these-tests")

    def token(self, number: int = 1, kid: str = "key-1", **claims: Any) -> str:
        return signed({**self.shape.claims, **claims}, self.shape.algorithm, number, kid)

    def known(self, token: str) -> VerifiedIdentity:
        """What the token proves, once the keys are there."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return self.identities.check(token)
            except Refused as refused:
                if refused.code != "unavailable" or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)  # as a client that comes again


@pytest.fixture
def login(tmp_path: Path, server: KeyServer) -> Iterator[Callable[[str], Login]]:
    made: list[Login] = []

    def opened(name: str) -> Login:
        found = Login(name, tmp_path, server)
        server.keys = [jwk("key-1", found.shape.algorithm)]
        made.append(found)
        return found

    yield opened
    for one in made:
        assert one.keys.published is not None
        one.keys.published.close()


def test_page_has_a_block_for_each_login_server_and_no_other() -> None:
    assert set(BLOCKS) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_token_of_a_login_server_is_good_with_settings_alone(login: Callable[[str], Login], name: str) -> None:
    found = login(name)
    identity = found.known(found.token())
    user, shape = identity.user, found.shape
    assert (user.id, user.name, user.roles, user.anonymous) == (shape.id, shape.name, shape.roles, False)
    assert shape.others.items() <= identity.claims.items()
    assert identity.expires_at is not None


@pytest.mark.parametrize("name", SHAPES)
def test_token_for_another_program_or_of_another_server_is_refused(login: Callable[[str], Login], name: str) -> None:
    found = login(name)
    found.known(found.token())
    wrong: dict[str, dict[str, Any]] = {
        "audience": {"aud": "another-program"},
        "issuer": {"iss": f"{found.shape.claims['iss']}x"},
        "expired": {"exp": int(time.time()) - 1},
        "claim": {"exp": None},
        "life": {"exp": int(time.time()) + 40 * 86_400},
        "early": {"nbf": int(time.time()) + 100},
    }
    for reason, claims in wrong.items():
        assert refused(found.identities, found.token(**claims)) == reason
    assert refused(found.identities, found.token(number=2)) == "signature"


def test_login_server_changes_its_key_while_old_tokens_go_on(
    login: Callable[[str], Login], server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.auth.jwks.FORCED_S", 0.0)
    found = login("Keycloak")
    found.known(found.token())
    server.keys = [jwk("key-1"), jwk("key-2", number=2)]
    found.known(found.token(number=2, kid="key-2"))
    found.known(found.token())
    server.keys = [jwk("key-2", number=2)]
    assert refused(found.identities, found.token(kid="key-3")) == "key", "it is looked for, and not found"
    assert refused(found.identities, found.token()) == "key", "the old key is gone"


def test_flood_of_tokens_with_unknown_keys_fetches_once(login: Callable[[str], Login], server: KeyServer) -> None:
    found = login("Auth0")
    found.known(found.token())
    for number in range(300):
        with pytest.raises(Refused):
            found.identities.check(found.token(kid=f"unknown-{number}"))
    assert server.asked == 1, "the first fetch was less than 30 seconds ago"


def test_tokens_are_good_while_the_login_server_is_down(
    login: Callable[[str], Login], server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.auth.jwks.FORCED_S", 0.0)
    found = login("Firebase")
    found.known(found.token())
    server.status = 503
    with pytest.raises(Refused) as unknown:
        found.identities.check(found.token(number=2, kid="key-2"))
    assert unknown.value.code == "unavailable", "the client comes again; the token may be good"
    found.known(found.token())


def test_access_token_of_cognito_has_its_audience_elsewhere(tmp_path: Path, server: KeyServer) -> None:
    claims = 'issuer = "https://login"\naudience = "my-app"\n[claims]\naudience = "client_id"\nroles = "scope"\n'
    file = tmp_path / "tidegate.toml"
    file.write_text(f'secret = "{"s" * 32}"\n{claims}')
    settings = config.load(argparse.Namespace(config=str(file)), {})
    checks = identities.identities(settings, identities.token_keys(settings), "x" * 32)
    said = {"sub": "7", "iss": "https://login", "exp": int(time.time()) + 60, "scope": "read write"}
    good = jwt.encode({**said, "client_id": "my-app"}, "s" * 32, "HS256")
    assert checks.check(good).user.roles == ["read", "write"]
    assert refused(checks, jwt.encode({**said, "aud": "my-app"}, "s" * 32, "HS256")) == "audience"


def refused(checks: TokenIdentities, token: str) -> str:
    """The reason, once the keys are looked for."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            checks.check(token)
        except TokenRefused as found:
            return found.reason
        except Refused:
            assert time.monotonic() < deadline
            time.sleep(0.005)  # as a client that comes again
        else:
            pytest.fail("the token is good")
