"""URLs of servers: what of them is shown, and which are refused because a password made another URL of them."""

from __future__ import annotations

import pytest

from tidegate import urls

GOOD = [
    "memory",
    "database",
    "sqlite:///a@b/c%.db",
    "unix:///run/a@b.sock",
    "unix://u:p@/run/s",
    "redis://u:p%40%2F@h:6379/0",
    "rediss://[::1]:7000/0?ca_file=/a@b.pem",
    "redis+sentinel://a:1,b:2/m?sentinel_password=a@b",
    "postgresql://u@h,h2:5433/d",
    "postgresql:///d?host=/run/postgresql&user=u@example.com",
    "postgresql://h/d?user=u@example.com",
]
MADE_ANOTHER = [
    "{}://u:SEC/RET@h:1/d",
    "{}://u:SEC%RET@h/d",
    "{}://:SEC?RET@h/d",
    "{}://u:12/SECRET@h",
]


@pytest.mark.parametrize("url", GOOD)
def test_what_was_meant_is_taken(url: str) -> None:
    urls.check(url)


@pytest.mark.parametrize("scheme", ["redis", "valkeys", "redis+sentinel", "postgresql", "postgres"])
@pytest.mark.parametrize("form", MADE_ANOTHER)
def test_a_password_that_is_not_escaped_is_refused_and_not_shown(form: str, scheme: str) -> None:
    url = form.format(scheme)
    with pytest.raises(ValueError, match="%40") as caught:
        urls.check(url)
    for text in (str(caught.value), urls.shown(url)):
        assert "SEC" not in text and "RET" not in text


def test_the_first_at_ends_the_login_of_postgresql_and_the_last_one_that_of_others() -> None:
    assert urls.mistake("postgresql://u:SEC@RET@h/d") and urls.shown("postgresql://u:SEC@RET@h/d") == "postgresql://..."
    assert urls.mistake("redis://u:SEC@RET@h/1") is None and urls.shown("redis://u:SEC@RET@h/1") == "redis://h/1"


def test_what_is_shown() -> None:
    assert urls.shown("redis://u:SECRET@h:1/0?db=SECRET#x") == "redis://h:1/0"
    assert urls.shown("postgresql://u:SEC#RET@h/d") == "postgresql://h/d"
    assert urls.shown("unix:///run/a@b.sock?db=1") == "unix:///run/a@b.sock"
    assert urls.shown("u:SECRET") == "u://..."
