"""The parts of the supervisor that need no process: cores, sockets, waits, shares, and whether a contract fits."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.gateway import ROOT
from tests.support.ports import free_port
from tidegate import schema
from tidegate.config import ConfigError, Settings
from tidegate.schema.definition import Kind
from tidegate.workers import cores, fitting, plan, shares
from tidegate.workers.place import Place, of_text
from tidegate.workers.sockets import bound, dealt
from tidegate.workers.times import wait_after

OWN = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@pytest.mark.parametrize(
    ("version", "files", "usable"),
    [
        (2, {"cpu.max": "150000 100000\n"}, 2),
        (2, {"cpu.max": "10000 100000\n"}, 1),
        (2, {"cpu.max": "max 100000\n"}, OWN),
        (2, {"cpu.max": "9900000 100000\n"}, OWN),
        (2, {"a/cpu.max": "max 100000\n", "cpu.max": "100000 100000\n"}, 1),
        (2, {}, OWN),
        (1, {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        (1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, OWN),
    ],
)
def test_cores_are_those_that_the_process_may_use(
    tmp_path: Path, version: int, files: dict[str, str], usable: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    of_process = tmp_path / "cgroup"
    of_process.write_text("0::/a\n" if version == 2 else "4:cpu,cpuacct:/a\n")
    assert cores.usable(tmp_path, of_process) == min(usable, OWN)
    assert cores.usable(tmp_path, tmp_path / "none") == OWN


@pytest.mark.parametrize(("workers", "number"), [(1, 1), ("1", 1), ("256", 256), (2, 2), ("auto", cores.usable())])
def test_workers_are_a_number_or_auto(workers: int | str, number: int) -> None:
    assert cores.number(workers) == number
    assert Settings(workers=workers).worker_count == number
    assert Settings(workers=workers, dev=True).worker_count == 1


def test_workers_are_refused_in_development_mode() -> None:
    for workers in (2, "2", "auto"):
        with pytest.raises(ConfigError, match=r"^workers: (2|auto), and development mode \(--dev\) has one process; "):
            plan.check(Settings(workers=workers, dev=True))
        plan.check(Settings(workers=workers, dev=True), supervised=True)  # the settings file of a gateway in production
        plan.check(Settings(workers=workers))
    for one in (1, "1"):
        plan.check(Settings(workers=one, dev=True))


@pytest.mark.parametrize("workers", [0, -1, 257, "", "two", "1.5", "٣", "auto "])
def test_other_numbers_of_workers_are_refused(workers: int | str) -> None:
    with pytest.raises(ValueError, match="must be a number from 1 to 256, or auto"):
        cores.number(workers)


def test_several_workers_need_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert cores.number("auto") == cores.number(1) == 1
    with pytest.raises(ValueError, match="use 1 on this system"):
        cores.number(2)


def test_the_first_death_is_made_good_at_once_and_later_ones_ever_later() -> None:
    deaths: list[float] = []
    waits = []
    for now in (100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0):
        deaths.append(now)
        waits.append(wait_after(deaths, now))
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert wait_after([*deaths, 200.0], 200.0) == 0.0


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Closed at the end."""
    opened: list[socket.socket] = []
    yield opened
    for each in opened:
        each.close()


def test_slots_have_sockets_of_the_same_port(sockets: list[socket.socket]) -> None:
    of_slots = bound("127.0.0.1", 0, 3)
    sockets += [each for own in of_slots for each in own]
    assert [len(own) for own in of_slots] == [1, 1, 1]
    assert len({own[0].getsockname() for own in of_slots}) == 1
    assert not any(each.get_inheritable() or each.getblocking() for each in sockets)


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_port_that_is_taken_is_refused(sockets: list[socket.socket], reuse_port: bool) -> None:
    """Also where the other program, perhaps another supervisor, would share it."""
    port = free_port()
    sockets.append(socket.create_server(("127.0.0.1", port), reuse_port=reuse_port))
    with pytest.raises(OSError, match="in use"):
        bound("127.0.0.1", port, 2)


@pytest.mark.parametrize(
    ("count", "slots", "dealing"),
    [(1, 1, [[0]]), (2, 2, [[0], [1]]), (1, 3, [[0], [0], [0]]), (3, 2, [[0, 2], [1]]), (2, 3, [[0], [1], [0]])],
)
def test_sockets_of_one_address_are_dealt_to_the_slots(
    sockets: list[socket.socket], count: int, slots: int, dealing: list[list[int]]
) -> None:
    port = free_port()
    sockets += [socket.create_server(("127.0.0.1", port), reuse_port=True) for _ in range(count)]
    other = socket.create_server(("127.0.0.1", free_port()))
    sockets.append(other)
    assert dealt(sockets, slots) == [
        sorted([*(sockets[number] for number in own), other], key=sockets.index) for own in dealing
    ]


def test_limits_of_the_whole_gateway_are_divided() -> None:
    settings = Settings(max_connections=1001, memory="300 MiB", address_connections=7)
    own, hub = shares.of_worker(settings, 2, hub="@hub"), shares.of_hub(settings, 2)
    assert (own.max_connections, own.memory_bytes, hub.memory_bytes) == (501, 100 << 20, 100 << 20)
    assert shares.of_worker(settings, 2, hub=None).memory_bytes == 150 << 20
    assert own.address_connections == 7  # counted together
    assert shares.of_worker(Settings(memory="0"), 4, hub="@hub").memory_bytes == 0
    assert shares.of_worker(Settings(memory="1 MiB"), 4, hub="@hub").memory_bytes == 1 << 20


def test_a_place_is_read_as_it_was_written() -> None:
    place = Place(kind="worker", number=2, count=3, listening=(5, 6), others={1: (7,), 3: (8,)}, hub="@x", counts=9)
    assert of_text(place.text()) == place
    assert place.inherited == [-1, 5, 6, 7, 8, 9]
    assert (place.name, Place(kind="hub").name) == ("worker 2", "hub")


# -- contracts --------------------------------------------------------------------------------------------------------


def bundle(**changes: Any) -> bytes:
    """The sample's bundle, with other definitions."""
    found = schema.bundle(schema.load(ROOT / "schema"))
    for key, change in changes.items():
        found["$defs"][key] = change(found["$defs"][key])
    return schema.dump(found).encode()


@pytest.fixture
def place() -> Iterator[Place]:
    """A worker's place whose running contract is empty."""
    running, own = os.memfd_create("running"), os.memfd_create("own")
    yield Place(kind="worker", running=running, own=own)
    os.close(running)
    os.close(own)


def run(place: Place, contract: bytes) -> None:
    assert place.running is not None
    os.write(place.running, contract)


def required(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """The definition with one more property that must be there."""
    return {
        **definition,
        "properties": {**definition["properties"], name: {"type": "integer"}},
        "required": [*definition.get("required", []), name],
    }


def optional(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {**definition, "properties": {**definition["properties"], name: {"type": "integer"}}}


def first(kind: Kind) -> str:
    """The key of the first definition of a kind that has properties."""
    return next(each.key for each in schema.load(ROOT / "schema").files(kind) if "properties" in each.schema)


def test_the_first_worker_and_one_with_the_same_contract_fit(place: Place) -> None:
    contract = bundle()
    fitting.check(place, contract)
    assert place.own is not None
    assert os.pread(place.own, 1 << 20, 0) == contract
    run(place, contract)
    fitting.check(place, contract)


def test_a_contract_that_breaks_clients_does_not_fit(place: Place) -> None:
    run(place, bundle())
    with pytest.raises(ConfigError, match=r"does not fit .* breaking: rooms/.*Restart"):
        fitting.check(place, bundle(**{first("rooms"): lambda found: required("weight", found)}))


def test_a_contract_with_more_fits(place: Place) -> None:
    run(place, bundle())
    fitting.check(place, bundle(**{first("rooms"): lambda found: optional("weight", found)}))


def test_the_first_durable_room_needs_a_restart(place: Place) -> None:
    """Over either database: the hub calls other gateways and deletes what is over."""
    run(place, bundle())
    durable = {"size": 10, "ttl": 60, "durable": True}
    room = first("rooms")
    more = bundle(**{room: lambda found: {**found, "x-room": {**found["x-room"], "history": durable}}})
    with pytest.raises(ConfigError, match=r"first durable room.* restart the gateway"):
        fitting.check(place, more)


def test_a_hub_that_writes_needs_the_resources_of_its_start(place: Place) -> None:
    run(place, bundle())
    more = bundle(**{first("resources"): lambda found: optional("weight", found)})
    fitting.check(place, more)
    with pytest.raises(ConfigError, match="the resources of the schema have changed"):
        fitting.check(msgspec.structs.replace(place, hub_writes=True), more)
