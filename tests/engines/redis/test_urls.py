"""URLs of servers: what each form means, what is refused, and that no password is shown."""

from __future__ import annotations

import pytest

from tidegate.engines.redis.urls import Address, Login, Target, read
from tidegate.engines.setup import EngineError


@pytest.mark.parametrize(
    ("url", "addresses", "fields"),
    [
        ("redis://h", (Address("h", 6379),), {}),
        ("valkey://h:7000", (Address("h", 7000),), {}),
        ("redis://h/3", (Address("h", 6379),), {"database": 3}),
        ("redis://h?db=4", (Address("h", 6379),), {"database": 4}),
        ("redis://[::1]:7000/0", (Address("::1", 7000),), {}),
        ("redis://:p%40ss@h", (Address("h", 6379),), {"login": Login(None, "p@ss")}),
        ("redis://u:p@h", (Address("h", 6379),), {"login": Login("u", "p")}),
        ("rediss://h", (Address("h", 6379),), {"tls": {}}),
        ("valkeys://h?ca_file=/c.pem", (Address("h", 6379),), {"tls": {"ca_file": "/c.pem"}}),
        ("unix:///run/s", (Address("/run/s"),), {}),
        ("redis+unix:///run/a%20b?db=2", (Address("/run/a b"),), {"database": 2}),
        ("unix://u:p@/run/s", (Address("/run/s"),), {"login": Login("u", "p")}),
        ("redis+sentinel://a,b:27000/m", (Address("a", 26379), Address("b", 27000)), {"sentinel": "m"}),
        (
            "rediss+sentinel://u:p@a/m/5?sentinel_user=s&sentinel_password=q",
            (Address("a", 26379),),
            {"sentinel": "m", "database": 5, "tls": {}, "login": Login("u", "p"), "sentinel_login": Login("s", "q")},
        ),
    ],
)
def test_forms(url: str, addresses: tuple[Address, ...], fields: dict[str, object]) -> None:
    target = read(url)
    assert target == Target(shown=target.shown, addresses=addresses, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("redis://", "names no host"),
        ("redis://h:x", "port"),
        ("redis://h:70000", "port"),
        ("redis://h/x", "database"),
        ("redis://h/1/2", "one number"),
        ("redis://h/1?db=2", "one number"),
        ("redis://a,b", "Sentinels"),
        ("redis+sentinel://a", "name the master"),
        ("redis://secret@h", "password"),
        ("redis://h?timeout=3", "no parameter timeout"),
        ("redis://h?ca_file=/c", "rediss://"),
        ("unix://run/s", "three slashes"),
        ("unix://", "three slashes"),
    ],
)
def test_refusals_say_what_to_write(url: str, part: str) -> None:
    with pytest.raises(EngineError, match=part) as error:
        read(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:SECRET@h:port",
        "redis://u:SECRET@h/x",
        "redis://u:SECRET@[h",
        "redis+sentinel://:SECRET@h",
        "redis://:SECRET@h?sentinel_password=SECRET&x=SECRET",
        "unix://u:SECRET@run?db=SECRET",
    ],
)
def test_a_password_is_in_no_refusal(url: str) -> None:
    with pytest.raises(EngineError) as error:
        read(url)
    assert "SECRET" not in str(error.value)


def test_a_password_is_in_no_text_of_a_target() -> None:
    target = read("redis+sentinel://u:SECRET@h/m?sentinel_password=SECRET")
    assert "SECRET" not in repr(target) + target.shown


def test_a_missing_certificate_is_named() -> None:
    with pytest.raises(EngineError, match="TLS"):
        read("rediss://h?ca_file=/none.pem").tls_context()
