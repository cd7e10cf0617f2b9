"""A webhook of the settings: which events it wants, and what is refused with words."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate import config
from tidegate.config import ConfigError
from tidegate.hooks.hook import EVENTS, LIFE_EVENTS, Hook, HookError, check

GOOD: dict[str, Any] = {
    "name": "crm", "url": "https://crm.example/hook", "events": ("row.*",), "secret": "x" * 20,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "a name has"),
        ({"name": "x" * 65}, "a name has"),
        ({"name": "a\nb"}, "printable"),
        ({"url": "ftp://crm.example/"}, "url has to be"),
        ({"url": "https:///nowhere"}, "url has to be"),
        ({"url": "https://crm.example:99999/"}, "url has to be"),
        ({"url": "https://ann:secret@crm.example/"}, "without a password"),
        ({"url": "https://crm.example/weg/zür?a=b"}, "with %XX for characters"),
        ({"url": "https://crm.example/a b"}, "with %XX for characters"),
        ({"url": "https://crm..example/"}, "url has to be"),
        ({"events": ()}, "`events` is empty"),
        ({"events": ("row.made",)}, "there is no event 'row.made'; there are: room.occupied"),
        ({"filter": {"id": 1}}, "needs one resource"),
        ({"filter": {"id": 1}, "resources": ("a", "b")}, "needs one resource"),
        ({"secret": None}, "openssl rand"),
        ({"secret": "short"}, "at least 16 bytes"),
        ({"secret": "whsec_!"}, "base64"),
        ({"secret_file": "/nowhere"}, "not both"),
        ({"secret": None, "secret_file": "/nowhere"}, "secret_file: No such file"),
        ({"timeout": 0.0}, "timeout"),
        ({"timeout": 61.0}, "timeout"),
    ],
)
def test_a_hook_that_cannot_be_used_is_refused(changes: dict[str, Any], words: str) -> None:
    check([Hook(**GOOD)])
    with pytest.raises(HookError, match=words):
        check([Hook(**{**GOOD, **changes})])


def test_two_hooks_have_two_names() -> None:
    with pytest.raises(HookError, match="no other hook"):
        check([Hook(**GOOD), Hook(**GOOD)])


def test_events_are_chosen_by_name_or_by_how_they_begin() -> None:
    def chosen(*events: str) -> set[str]:
        return set(Hook(**{**GOOD, "events": events}).chosen)

    assert chosen("*") == set(EVENTS)
    assert chosen("room.*", "connected") == {"room.occupied", "room.vacated", "connected"}
    assert chosen("row.updated") == {"row.updated"}
    assert set(LIFE_EVENTS.values()) < set(EVENTS)


def test_secrets_are_text_or_base64_and_a_file_has_several(tmp_path: Path) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    assert Hook(**{**GOOD, "secret": f"whsec_{base64.b64encode(key).decode()}"}).secrets() == [key]
    file = tmp_path / "secrets"
    file.write_text(f"{'n' * 20}\n{'o' * 20}\n")
    assert Hook(**{**GOOD, "secret": None, "secret_file": str(file)}).secrets() == [b"n" * 20, b"o" * 20]


def test_settings_come_from_the_file_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidegate.toml").write_text(
        '[[hooks]]\nname = "crm"\nurl = "https://crm.example/hook"\nevents = ["row.*"]\n'
        'secret = "twenty-letters-or-so"\n'
        'resources = ["tasks"]\nfilter = {done = true}\n'
    )
    (hook,) = config.load(argparse.Namespace(), {}).hooks
    assert (hook.name, hook.filter) == ("crm", {"done": True})
    text = msgspec.json.encode([hook]).decode()
    assert config.load(argparse.Namespace(), {"TIDEGATE_HOOKS": text}).hooks == (hook,)
    with pytest.raises(ConfigError, match="TIDEGATE_HOOKS: is not JSON"):
        config.load(argparse.Namespace(), {"TIDEGATE_HOOKS": "crm"})
    with pytest.raises(ConfigError, match="hooks: hook 'crm': there is no event"):
        config.load(argparse.Namespace(), {"TIDEGATE_HOOKS": text.replace("row.*", "rows")})
