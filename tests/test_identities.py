"""The settings of identities: what cannot work is an error at the start that names the setting."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tidegate import config, identities
from tidegate.config import ConfigError

SECRET = "a-secret-of-these-tests-that-is-long-enough"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('jwks = "https://login.example.com/jwks"', "jwks: needs `audience` and `issuer`"),
        ('jwks = "http://login.example.com/jwks"\naudience = "a"\nissuer = "i"', "jwks: must begin with https://"),
        ('keys = ["missing.pem"]', "keys: missing.pem cannot be read"),
        ('secret_file = "missing"', "secret_file: missing cannot be read"),
        (f'secret = "{SECRET}"\nsecret_file = "s"', "secret_file: there is `secret` as well"),
        ('[claims]\nexp = "x"', "claims: 'exp' is no name"),
        ('[claims]\nroles = "realm_access..roles"', "claims: 'roles' must be"),
        ("[claims]\nroles = []", "claims: 'roles' must be"),
    ],
)
def test_error_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaint: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidegate.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        identities.check(config.load(argparse.Namespace(), {}))
    assert str(error.value).startswith(complaint)


def test_lists_and_claims_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "TIDEGATE_AUDIENCE": "one, two",
        "TIDEGATE_ISSUER": "https://login.example.com/",
        "TIDEGATE_CLAIMS": '{"roles": "realm_access.roles", "team": ["https://x.example/claims", "team"]}',
        "TIDEGATE_ANONYMOUS": "false",
    }
    settings = config.load(argparse.Namespace(), given)
    found = identities.rules(settings)
    assert (found.audience, found.issuer) == (("one", "two"), ("https://login.example.com/",))
    assert (found.places.roles, found.places.others) == (
        "realm_access.roles",
        {"team": ("https://x.example/claims", "team")},
    )
    assert not settings.anonymous


def test_first_secret_of_a_file_signs(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"{SECRET}-new\n{SECRET}-old\n")
    settings = config.Settings(secret_file=str(tmp_path / "secrets"))
    assert identities.signing_secret(settings) == f"{SECRET}-new"
    assert identities.signing_secret(config.Settings()) is None
