"""Which event loop a setting means, and that the gateway's process has it."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from tidegate import config, event_loops


async def loop_of_this() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_the_loop_that_a_setting_names_runs(name: str) -> None:
    if name == "uvloop":
        pytest.importorskip("uvloop", reason="this Python has no uvloop; `make setup-tests` installs it")
    assert event_loops.run(loop_of_this(), name) == name


def test_an_application_that_sets_another_loop_for_its_process_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    uvloop = pytest.importorskip("uvloop", reason="this Python has no uvloop; `make setup-tests` installs it")
    monkeypatch.setattr(asyncio.events, "new_event_loop", uvloop.new_event_loop)
    assert event_loops.run(loop_of_this(), "asyncio") == "asyncio"


@pytest.mark.parametrize(("installed", "name"), [(True, "uvloop"), (False, "asyncio")])
def test_auto_is_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, installed: bool, name: str) -> None:
    monkeypatch.setattr(event_loops, "installed", lambda: installed)
    assert event_loops.chosen("auto") == name
    assert event_loops.chosen("asyncio") == "asyncio"


def test_a_loop_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_loops, "installed", lambda: False)
    with pytest.raises(config.ConfigError, match=r"loop: uvloop is not installed; `pip install 'tidegate\[uvloop\]'`"):
        config.load(argparse.Namespace(loop="uvloop"), {})


def test_an_unknown_loop_is_refused_with_the_known_ones() -> None:
    with pytest.raises(config.ConfigError, match="loop: must be auto, asyncio or uvloop, not 'trio'"):
        config.load(argparse.Namespace(), {"TIDEGATE_LOOP": "trio"})
