"""Which engine a URL names, what is refused at start, and that no password is shown."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import msgspec
import pytest

from tests.support.cases import every_case
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines import opening
from tidegate.engines.health import AWAY_S, Health
from tidegate.engines.memory import MemoryEngine
from tidegate.engines.setup import EngineError, EngineSetup
from tidegate.urls import shown

SECRET = "hunter2"


def setup(url: str, prefix: str = "shop", rooms: tuple[str, ...] = ("chat-*", "work-*")) -> EngineSetup:
    return EngineSetup(
        url=url,
        prefix=prefix,
        node="n",
        new_node=lambda: "m",
        new_epoch=lambda: "e",
        rooms=rooms,
        encode=msgspec.json.encode,
        ledger=Ledger(),
        clock=lambda: 0.0,
    )


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Which package was asked to start, with which URL."""
    asked: list[tuple[str, str]] = []

    def package(name: str) -> types.ModuleType:
        module = types.ModuleType(name)

        async def start(setup: EngineSetup) -> str:
            asked.append((name.rpartition(".")[2], setup.url))
            return "engine"

        module.start = start  # type: ignore[attr-defined]
        return module

    for name in set(opening.PACKAGES.values()):
        monkeypatch.setitem(sys.modules, name, package(name))
    return asked


async def test_the_scheme_of_the_url_chooses_the_engine(started: list[tuple[str, str]]) -> None:
    urls = {
        **dict.fromkeys((f"{scheme}://h/0" for scheme in opening.REDIS), "redis"),
        "postgresql://u:p@h/d": "postgres",
        "postgres://h/d": "postgres",
        "hub:///run/hub": "hub",
    }
    for url in urls:
        await opening.open_engine(setup(url), "sqlite:///a.db")
    assert started == [(package, url) for url, package in urls.items()]


async def test_database_stands_for_the_gateway_s_own_postgresql(started: list[tuple[str, str]]) -> None:
    await opening.open_engine(setup("database"), "postgresql://h/d")
    assert started == [("postgres", "postgresql://h/d")]
    with pytest.raises(EngineError, match="another one"):
        await opening.open_engine(setup("database"), "sqlite:///a.db")


async def test_memory_needs_no_prefix_and_sweeps_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await opening.open_engine(setup("memory", prefix=""), "sqlite:///a.db")
    assert isinstance(engine, MemoryEngine)
    timers: list[tuple[float, Callable[[], None]]] = []
    swept: list[float] = []

    class Timer:
        cancelled = False

        def cancel(self) -> None:
            Timer.cancelled = True

    def later(seconds: float, call: Callable[[], None]) -> Timer:
        timers.append((seconds, call))
        return Timer()

    monkeypatch.setattr(engine, "sweep", swept.append)
    await engine.aclose()
    engine.sweep_with(later, lambda: 42.0)  # type: ignore[arg-type]
    timers[0][1]()
    assert swept == [42.0] and len(timers) == 2
    await engine.aclose()
    assert Timer.cancelled


DATABASE = "postgresql://h/d"


def refused(engine: str, prefix: str | None) -> str:
    with pytest.raises(EngineError) as caught:
        opening.check_setting(engine, prefix, DATABASE)
    return str(caught.value)


def test_an_engine_outside_of_the_gateway_needs_a_prefix() -> None:
    for url in (f"redis://u:{SECRET}@h", f"postgresql://u:{SECRET}@h/d", "database"):
        for prefix in (None, ""):
            text = refused(url, prefix)
            assert "--engine-prefix" in text and "TIDEGATE_ENGINE_PREFIX" in text and SECRET not in text
        for prefix in ("a b", "a:b", "{a}", "é", "x" * 65, "a/b", "a\n"):
            assert "letters, digits" in refused(url, prefix)
        opening.check_setting(url, "Shop_1.eu-west", DATABASE)
    opening.check_setting("memory", None, DATABASE)


def test_a_prefix_without_an_engine_is_refused() -> None:
    text = refused("memory", "shop")
    assert "engine_prefix" in text and "--engine redis://" in text and "leave the prefix out" in text
    opening.check("memory", "shop", DATABASE)  # a worker's: the supervisor was asked


def test_only_the_supervisor_names_the_hub() -> None:
    opening.check("hub:///run/hub", None, DATABASE)
    for engine in ("hub:///run/hub", "hub://", "hub"):
        assert "names no engine" in refused(engine, "shop")


def test_the_word_database_needs_one_that_can_be_an_engine() -> None:
    with pytest.raises(EngineError, match="has another one"):
        opening.check("database", "shop", "sqlite:///app.db")


def test_what_names_no_engine_is_refused_without_being_repeated() -> None:
    for engine in (
        "",
        "redis",
        "kafka://h",
        f"rediss:/u:{SECRET}@h",
        "sqlite:///a.db",
        f"u:{SECRET}@redis://h",
        "Memory",
    ):
        text = refused(engine, "shop")
        assert "write memory, redis://" in text and SECRET not in text


def _application(rooms: tuple[str, ...], found: str) -> bool:
    try:
        setup("redis://h", rooms=rooms).check_application(found)
    except EngineError:
        return False
    return True


def test_an_application_is_known_by_its_rooms() -> None:
    with every_case() as case:
        for name, rooms, found, same in (
            ("nothing was written", ("a-*",), "", True),
            ("the same", ("a-*", "b-*"), "a-* b-*", True),
            ("another version", ("a-*", "c-*"), "a-* b-*", True),
            ("another application", ("c-*",), "a-* b-*", False),
            ("no rooms", (), "a-* b-*", True),
        ):
            with case(name):
                assert _application(rooms, found) is same
    assert setup("redis://h", rooms=("b-*", "a-*")).application == "a-* b-*"


def test_other_rooms_under_one_prefix_are_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = "engine_prefix: the gateway that started last under shop has other rooms"
    with every_case() as case:
        for name, rooms, found, text in (
            ("nothing was written", ("a-*",), "", None),
            ("the same", ("a-*", "b-*"), "a-* b-*", None),
            ("no rooms", (), "a-* b-*", None),
            ("another version", ("a-*", "c-*"), "a-* b-*", f"{told} (only there: b-*; only here: c-*)"),
            ("more rooms", ("a-*", "c-*"), "a-*", f"{told} (only there: none; only here: c-*)"),
        ):
            caplog.clear()
            monkeypatch.setattr("tidegate.engines.setup.OTHER_ROOMS._due", None)
            setup("redis://h", rooms=rooms).check_application(found)
            with case(name):
                assert [line.getMessage().partition("; this is")[0] for line in caplog.records] == (
                    [text] if text else []
                )


def test_a_shown_url_has_no_secret() -> None:
    with every_case() as case:
        for name, url, text in (
            ("redis", f"redis://u:{SECRET}@h:6379/0", "redis://h:6379/0"),
            ("password alone", f"rediss://:{SECRET}@h", "rediss://h"),
            ("parameter", f"unix:///run/r.sock?password={SECRET}", "unix:///run/r.sock"),
            ("an odd password", f"redis://u:a@{SECRET}@h", "redis://h"),
            ("no address", f"redis://[{SECRET}", "redis://..."),
        ):
            with case(name):
                assert shown(url) == text


def test_an_engine_is_unhealthy_after_some_seconds_without_an_answer() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    assert health.healthy and not health.away
    health.lost()
    now[0] = AWAY_S - 0.1
    health.lost()
    assert health.healthy and health.away
    now[0] = AWAY_S
    assert not health.healthy
    health.back()
    assert health.healthy and not health.away
    health.lost(unanswered=3.0)
    now[0] += AWAY_S - 3.1
    assert health.healthy
    now[0] += 0.2
    assert not health.healthy, "it was away since the question"
