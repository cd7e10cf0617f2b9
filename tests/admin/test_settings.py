"""The setting `admin`: what it means, and what is refused because it would not be safe."""

from __future__ import annotations

import argparse
import socket
import stat
from pathlib import Path

import pytest

from tidegate import config
from tidegate.admin.binding import bound
from tidegate.cli import operators_address
from tidegate.config import ConfigError

SECRET = "x" * 32


def load(**given: object) -> config.Settings:
    return config.load(argparse.Namespace(), {f"TIDEGATE_{name.upper()}": str(value) for name, value in given.items()})


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"admin": "127.0.0.1:8788"}, "needs admin_secret"),
        ({"admin": "0.0.0.0:8788", "dev": "true"}, "needs admin_secret"),
        ({"admin": "8788", "admin_secret": SECRET}, "HOST:PORT"),
        ({"admin": "127.0.0.1:99999", "admin_secret": SECRET}, "HOST:PORT"),
        ({"admin": "unix:admin"}, "absolute"),
        ({"admin": "127.0.0.1:8788", "admin_secret": "short"}, "32 characters"),
        ({"admin": "127.0.0.1:8788", "admin_secret_file": "/nowhere/at/all"}, "admin_secret_file"),
        ({"admin": "127.0.0.1:8788", "admin_secret_file": "f", "admin_secret": SECRET}, "not both"),
    ],
)
def test_what_is_not_safe_is_refused(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load(**given)


def test_what_is_safe_is_taken(empty_folder: Path) -> None:
    assert load(admin="127.0.0.1:0", dev="true").operators_secret is None
    assert load(admin="unix:/run/tidegate/admin").operators_secret is None
    (empty_folder / "secret").write_text(f"{SECRET}\n")
    assert load(admin="[::1]:8788", admin_secret_file="secret").operators_secret == SECRET


def test_commands_for_operators_find_a_gateway_in_development_without_a_secret(empty_folder: Path) -> None:
    (empty_folder / "tidegate.toml").write_text('admin = "127.0.0.1:8788"\n')
    address = operators_address.address(argparse.Namespace(admin=None, config=None))
    assert address.admin == "127.0.0.1:8788"


def test_a_unix_socket_is_for_the_user_of_the_gateway_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin"
    (listening,) = bound(f"unix:{path}")
    with listening:
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        with pytest.raises(ConfigError, match="another gateway"):
            bound(f"unix:{path}")
    (again,) = bound(f"unix:{path}")
    again.close()
    path.unlink()
    path.write_text("")
    with pytest.raises(ConfigError, match="no socket"):
        bound(f"unix:{path}")


def test_an_address_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot listen"):
        bound(f"127.0.0.1:{taken.getsockname()[1]}")
