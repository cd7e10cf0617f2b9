"""The metrics of a gateway: the format, what is counted, and that no label grows with the clients."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.operators import Operators, operated
from tests.gateway.test_removal import bearer
from tests.support.wire import wire
from tidegate.admin import exposition
from tidegate.admin.exposition import Family, Sample
from tidegate.admin.loop_lag import LoopLag
from tidegate.core.histogram import Histogram

LINE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (-?[0-9.e+-]+)')


@pytest.fixture
async def operators(tmp_path: Path) -> AsyncIterator[Operators]:
    async with operated(tmp_path) as found:
        yield found


async def scraped(operators: Operators) -> dict[str, float]:
    """The samples, by name with labels. Every line is well formed."""
    answered = await operators.ask("GET", "/metrics")
    assert answered.headers["Content-Type"] == exposition.CONTENT_TYPE
    found: dict[str, float] = {}
    for line in answered.text.splitlines():
        if not line.startswith("#"):
            assert LINE.fullmatch(line), line
            name, value = line.rsplit(" ", 1)
            assert name not in found, "each sample once"
            found[name] = float(value)
    return found


async def test_what_clients_do_is_counted(operators: Operators) -> None:
    url = operators.inside.url
    async with wire(url, **bearer("ada")) as ada, wire(url) as guest:
        await ada.ask({"type": "subscribe", "resource": "users"})
        await ada.ask({"type": "create", "resource": "users", "data": {"name": "A", "email": "a@example.com"}})
        await ada.heard_of("update")
        await ada.ask({"type": "list", "resource": "users"})
        await guest.ask({"type": "join", "room": "lobby"})
        assert (await guest.ask({"type": "leave", "room": "another"}))["type"] == "error"
        now = await scraped(operators)
    assert now['tidegate_sessions{identity="known"}'] == now['tidegate_sessions{identity="anonymous"}'] == 1
    assert now['tidegate_connections{kind="websocket"}'] == now["tidegate_connects_total"] == 2
    assert now['tidegate_requests_total{type="create"}'] == now["tidegate_changes_total"] == 1
    assert now['tidegate_errors_total{code="not_joined"}'] == 1
    assert now["tidegate_rooms"] == now["tidegate_room_connections"] == now["tidegate_subscription_groups"] == 1
    assert now["tidegate_write_seconds_count"] == now["tidegate_feed_lag_seconds_count"] == 1
    assert now['tidegate_write_seconds_bucket{le="+Inf"}'] == 1
    assert now["tidegate_frames_received_total"] == 5
    assert now["tidegate_reads_total"] >= 1
    assert now["tidegate_ready"] == now["tidegate_database_healthy"] == now["tidegate_engine_healthy"] == 1
    assert now['tidegate_subscribed_total{mode="live"}'] == 1
    assert now["tidegate_loop_lag_seconds_count"] >= 0
    assert now["process_resident_memory_bytes"] > 1e6
    after = await scraped(operators)
    assert after["tidegate_frames_received_total"] == 7, (
        "two close frames more; what ended connections did stays counted"
    )
    assert sum(value for name, value in after.items() if name.startswith("tidegate_closes_total")) == 2


async def test_refusals_are_events(operators: Operators) -> None:
    before = await scraped(operators)
    await operators.ask("GET", "/metrics", Authorization="Bearer wrong")
    after = await scraped(operators)
    name = 'tidegate_events_total{event="admin_refused"}'
    assert after[name] == before[name] + 1
    assert {f'tidegate_events_total{{event="{event}"}}' for event in ("door_full", "rate_limited")} <= set(after)


async def test_no_label_names_a_client_or_a_room(operators: Operators) -> None:
    async with wire(operators.inside.url, **bearer("ada-the-user")) as client:
        await client.ask({"type": "join", "room": "lobby"})
        page = (await operators.ask("GET", "/metrics")).text
    assert "ada-the-user" not in page
    assert '"lobby"' not in page


def test_the_families_of_workers_are_merged_and_labelled() -> None:
    def of_worker(number: str) -> list[Family]:
        histogram = Histogram((0.5,))
        histogram.observe(0.1)
        families = [
            Family("a_total", "counter", "About a.", [Sample(int(number), (("code", 'x"\n'),))]),
            exposition.of_histogram("b_seconds", "About b.", histogram),
        ]
        return exposition.with_label(families, "worker", number)

    text = exposition.text(exposition.merged([of_worker("1"), of_worker("2")]))
    assert text.splitlines()[:4] == [
        "# HELP a_total About a.",
        "# TYPE a_total counter",
        'a_total{worker="1",code="x\\"\\n"} 1',
        'a_total{worker="2",code="x\\"\\n"} 2',
    ]
    assert 'b_seconds_bucket{worker="2",le="+Inf"} 1' in text
    assert text.count("# TYPE") == 2


def test_a_delay_of_the_loop_is_observed_once() -> None:
    clock = [0.0]
    lag = LoopLag(0.05, lambda: clock[0])
    for moment in (0.05, 0.3, 0.35):
        clock[0] = moment
        lag.look()
    assert lag.histogram.sum == pytest.approx(0.2)
    assert lag.histogram.count == 3
