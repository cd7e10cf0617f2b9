"""Which certificates a gateway takes, that a reload keeps the one in use where the new one is wrong, and its end."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tidegate.config import ConfigError
from tidegate.tls import DAY_S, Certificate, end_of, opened


@pytest.mark.parametrize(
    "ends",
    [
        datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC),
        datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC),
    ],
)
def test_end_is_read_in_both_forms_of_time(tmp_path: Path, ends: datetime.datetime) -> None:
    cert, _ = Authority(tmp_path).sign("server", ends)
    assert end_of(str(cert)) == ends.timestamp()


def test_what_cannot_be_used_says_which_setting(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = map(str, authority.sign("server"))
    _, other = map(str, authority.sign("other"))
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for wrong in [("missing", key, None), (cert, other, None), (cert, None, None), (str(empty), key, None)]:
        with pytest.raises(ConfigError, match="tls_cert, tls_key: "):
            opened(*wrong)
    for ca in ("missing", str(empty)):
        with pytest.raises(ConfigError, match="tls_client_ca: "):
            opened(cert, key, ca)
    with pytest.raises(ConfigError, match="tls_cert: has to be set"):
        opened(None, key, None)
    assert opened(None, None, None) is None


def test_end_is_logged_from_14_days_before_it_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ends = datetime.datetime(2040, 6, 1, tzinfo=datetime.UTC)
    cert, key = Authority(tmp_path).sign("server", ends)
    certificate, end = Certificate(str(cert), str(key), None), ends.timestamp()

    def levels(left: float) -> list[int]:
        caplog.clear()
        certificate.look(lambda: end - left)
        return [record.levelno for record in caplog.records]

    with caplog.at_level(logging.WARNING, "tidegate"):
        assert levels(14.1 * DAY_S) == []
        assert levels(13.9 * DAY_S) == [logging.WARNING]
        assert levels(13.8 * DAY_S) == []
        assert levels(12.8 * DAY_S) == [logging.WARNING]
        assert levels(-1) == [logging.ERROR]


def test_wrong_certificate_at_a_reload_leaves_the_one_in_use(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.sign("server")
    certificate = Certificate(str(cert), str(key), None)
    cert.write_text("half a certif")
    with pytest.raises(ConfigError):
        certificate.reload()
    authority.sign("new", stem="server")
    certificate.reload()
