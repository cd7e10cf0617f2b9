"""`tidegate config check`: every setting with its value and source, the risks, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tidegate import cli
from tidegate.config import Settings

SECRET, PASSWORD = "s" * 40, "p4ssw0rd"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_setting_is_shown_with_its_value_and_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tidegate.toml").write_text(f'port = 9000\nsecret = "{SECRET}"')
    (folder / "tidegate.toml").chmod(0o644)
    monkeypatch.setenv("TIDEGATE_HOSTS", "a.example, b.example")
    database = f"postgresql://u:{PASSWORD}@h/db"
    assert cli.main(["config", "check", "--json", "--database", database]) == 1
    text = capsys.readouterr().out
    assert SECRET not in text
    assert PASSWORD not in text
    shown = json.loads(text)
    assert set(shown["settings"]) == {field.name for field in msgspec.structs.fields(Settings)}
    assert shown["settings"]["port"] == {"value": "9000", "source": "tidegate.toml"}
    assert shown["settings"]["hosts"] == {"value": "a.example, b.example", "source": "TIDEGATE_HOSTS"}
    assert shown["settings"]["database"] == {"value": "postgresql://h/db", "source": "--database"}
    assert shown["settings"]["secret"] == {"value": "(hidden)", "source": "tidegate.toml"}
    assert shown["settings"]["rate"] == {"value": "100.0", "source": "default"}
    assert {"anonymous", "audience", "secret"} <= {risk["setting"] for risk in shown["risks"]}


def test_settings_without_risk_exit_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    (folder / "tidegate.toml").write_text(
        'secret_file = "secret"\nanonymous = false\naudience = "gateway"\ndocuments = false\nmax_connections = 10'
    )
    code = cli.main(["config", "check"])
    text = capsys.readouterr().out
    assert (code, text.splitlines()[-1]) == (0, "no risks for production")
    secret.chmod(0o644)
    assert cli.main(["config", "check"]) == 1
    assert "secret_file: every user" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "variable", "complaint"),
    [
        ("prot = 1", "", "tidegate.toml: prot: no such setting; did you mean 'port'?"),
        ("", "TIDEGATE_PROT", "TIDEGATE_PROT: no such setting; did you mean 'TIDEGATE_PORT'?"),
        ("qqq = 1", "", "`tidegate config check` and docs/reference/settings.md list them"),
        ('secret_file = "missing"', "", "secret_file: missing cannot be read"),
        ('database_file = "missing"', "", "database_file: missing cannot be read"),
        ('origins = ["https://App.example.com/"]', "", "write https://app.example.com"),
        ('origins = ["app.example.com"]', "", "write a scheme and a name"),
        ('hosts = ["https://app.example.com"]', "", "without scheme and port"),
    ],
)
def test_mistakes_exit_with_2_and_say_what_to_write(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    variable: str,
    complaint: str,
) -> None:
    (folder / "tidegate.toml").write_text(file)
    if variable:
        monkeypatch.setenv(variable, "1")
    assert cli.main(["config", "check"]) == 2
    assert complaint in capsys.readouterr().err


def test_database_with_a_password_comes_from_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "url").write_text(f"postgresql://u:{PASSWORD}@h/db\n")
    (folder / "tidegate.toml").write_text('database_file = "url"')
    assert cli.main(["config", "check", "--json"]) == 1
    text = capsys.readouterr().out
    assert json.loads(text)["settings"]["database"] == {"value": "postgresql://h/db", "source": "database_file"}
    assert PASSWORD not in text
    assert cli.main(["config", "check", "--database", "sqlite:///app.db"]) == 2
    assert "set one of them" in capsys.readouterr().err
