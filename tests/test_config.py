"""Where settings come from, which source wins, and what the error of an invalid setting says."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tidegate.config import DEVELOPMENT_SECRET, ConfigError, Settings, load


def args(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**given)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_hold_without_any_source() -> None:
    assert load(args(), {}) == Settings()


def test_command_line_wins_over_environment_and_environment_over_file(empty_folder: Path) -> None:
    (empty_folder / "tidegate.toml").write_text('port = 1\nhost = "h"\ndatabase = "sqlite:///file.db"')
    settings = load(args(port=3), {"TIDEGATE_PORT": "2", "TIDEGATE_HOST": "e"})
    assert (settings.port, settings.host, settings.database) == (3, "e", "sqlite:///file.db")


def test_config_option_names_another_file(empty_folder: Path) -> None:
    (empty_folder / "other.toml").write_text("heartbeat = 5")
    assert load(args(config="other.toml"), {}).heartbeat == 5.0


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = load(args(), {"TIDEGATE_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::ffff:192.168.0.0/112, 2001:db8::/32"})
    assert [str(network) for network in settings.proxies] == [
        "127.0.0.1/32",
        "10.0.0.0/8",
        "192.168.0.0/16",
        "2001:db8::/32",
    ]


def test_origins_in_the_environment_are_a_list_with_commas() -> None:
    assert load(args(), {"TIDEGATE_ORIGINS": "https://a.example, https://b.example"}).origins == (
        "https://a.example",
        "https://b.example",
    )


@pytest.mark.parametrize(
    ("file", "environment", "given", "complaint"),
    [
        ("prot = 1", {}, {}, "prot"),
        ("port =", {}, {}, "tidegate.toml"),
        ("", {"TIDEGATE_PROT": "1"}, {}, "TIDEGATE_PROT"),
        ("", {"TIDEGATE_PORT": "high"}, {}, "^port: expected `int`, got `str`$"),
        ("", {"TIDEGATE_PORT": "99999"}, {}, "^port: expected `int` <= 65535$"),
        (
            '[[hooks]]\nname = "a"\nevent = ["row.*"]',
            {},
            {},
            r"^hooks\[0\]: no such key: event; did you mean 'events'\?$",
        ),
        ('[[hooks]]\nname = "a"\nevents = ["row.*"]', {}, {}, r"^hooks\[0\]: needs the key url$"),
        ("", {}, {"port": 70000}, "port"),
        ("", {}, {"config": "missing.toml"}, "missing.toml"),
        ("", {}, {"schema": "missing"}, "missing"),
        ("", {"TIDEGATE_SECRET": "short"}, {}, "32"),
        ("", {"TIDEGATE_SECRET": DEVELOPMENT_SECRET}, {}, "public"),
        ("", {}, {"dev": True, "host": "0.0.0.0"}, "loopback"),
        ("", {}, {"log_level": "loud"}, "log_level"),
        ("", {"TIDEGATE_LOG_AGE": "59"}, {}, "log_age"),
        ("", {"TIDEGATE_TRUSTED_PROXIES": "127.0.0.1, proxy.example"}, {}, "10.0.0.0/8"),
        ('trusted_proxies = ["10.0.0.0/33"]', {}, {}, "trusted_proxies: '10.0.0.0/33'"),
        ('trusted_proxies = ["10.1.2.3/8"]', {}, {}, "write 10.0.0.0/8"),
        ('memory = "a lot"', {}, {}, '"256 MiB"'),
        ("", {"TIDEGATE_MEMORY": "101 %"}, {}, "100 %"),
        ("", {"TIDEGATE_MEMORY": "64 KiB"}, {}, "1 MiB"),
        ("log_rows = 0", {}, {}, "log_rows"),
    ],
)
def test_error_names_the_invalid_setting(
    empty_folder: Path, file: str, environment: dict[str, str], given: dict[str, object], complaint: str
) -> None:
    (empty_folder / "tidegate.toml").write_text(file)
    with pytest.raises(ConfigError, match=complaint):
        load(args(**given), environment)


def test_the_development_secret_is_used_only_in_development() -> None:
    assert Settings().token_secret is None
    assert Settings(dev=True).token_secret == DEVELOPMENT_SECRET
    assert Settings(dev=True, secret="x" * 32).token_secret == "x" * 32


def test_schema_folder_defaults_to_schema_in_the_working_directory(empty_folder: Path) -> None:
    assert Settings().schema_folder is None
    (empty_folder / "schema").mkdir()
    assert Settings().schema_folder == Path("schema")
    assert Settings(schema="other").schema_folder == Path("other")
