"""Which settings are called risky for production, and which are not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tidegate.config import Settings
from tidegate.production import OFF, RESERVE, risks

SAFE = {
    "secret_file": "/secrets/secret",
    "anonymous": False,
    "audience": "gateway",
    "documents": False,
    "max_connections": 1000,
}


def named(
    given: Mapping[str, object] | None = None, open_files: int | None = None, readable: frozenset[str] = frozenset()
) -> set[str]:
    settings = Settings(**{**SAFE, **(given or {})})  # type: ignore[arg-type]  # fields by name
    return {risk.setting for risk in risks(settings, open_files, readable)}


def test_settings_that_are_fit_for_production_have_no_risk() -> None:
    assert named() == set()
    edge = {"host": "0.0.0.0", "hosts": ("app.example.com",), "trusted_proxies": ("10.0.0.0/8",)}
    assert named(edge, 1000 + RESERVE) == set()


@pytest.mark.parametrize(
    ("given", "risky"),
    [
        ({"dev": True}, {"dev", "console"}),
        ({"secret_file": None}, {"secret"}),
        ({"anonymous": True}, {"anonymous"}),
        ({"audience": ()}, {"audience"}),
        ({"secret_file": None, "keys": ("key.pem",), "audience": ()}, {"audience"}),
        ({"origins": ("https://app.example.com",)}, set()),
        ({"origins": ("https://app.example.com", "*")}, {"origins"}),
        ({"hosts": ("*",)}, {"hosts"}),
        ({"console": True}, {"console"}),
        ({"documents": True}, {"documents"}),
        ({"host": "0.0.0.0"}, {"hosts", "trusted_proxies"}),
        ({"host": "0.0.0.0", "tls_cert": "cert.pem"}, {"hosts"}),
        ({"log_level": "debug"}, {"log_level"}),
        *(({name: "0" if name == "memory" else 0}, {name}) for name in OFF),
    ],
)
def test_each_risk_is_named_by_the_setting_that_removes_it(given: dict[str, object], risky: set[str]) -> None:
    assert named(given) == risky


def test_limit_of_open_files_below_the_connections_is_a_risk() -> None:
    assert named(open_files=1000 + RESERVE - 1) == {"max_connections"}


def test_secret_that_every_user_can_read_is_a_risk() -> None:
    assert named(readable=frozenset({"secret_file"})) == {"secret_file"}
