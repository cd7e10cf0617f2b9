"""What an engine outside of the gateway adds to the cost of a message, compared with memory in the same run.

Figures are processor microseconds of the GATEWAYS, as the operating system reports them; the engine's server is not in
them. Each measure runs in turn on a gateway with rooms in memory and on gateways that share the engine's server,
several times; the table shows the median of the differences and how far they are apart. The last figure counts
commands that the server got in some idle seconds, from gateways that say the presence of few and of many members.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import msgspec

from tests.bench import measures
from tests.bench.engine_servers import EngineServer
from tests.bench.load import Client, Meter, connect
from tests.bench.measures import SAY, UNLIMITED, Server
from tests.bench.served import served
from tests.support.gateway import GatewayProcess
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import PresenceEntry, RemoteMember, Standing
from tidegate.engines.opening import open_engine
from tidegate.engines.setup import EngineSetup
from tidegate_protocol import RoomPosition

LOADED = "added to a message, 16 in flight in a room (us)"
ALONE = "added to a message, one in flight (us)"
LATENCY = "message to its speaker, one in flight, p50 (ms)"
FAN_OUT = "a delivery at 2 gateways x 1000 / the same in memory"
IDLE = "commands a second, 10,000 idle members / 100"
TARGETS = {LOADED: 20.0, ALONE: 130.0, LATENCY: 2.0, FAN_OUT: 1.15, IDLE: 1.1}
"""The most that each figure may be."""

IDLE_S = 60.0
"""A beat more or less, each several commands of a script, is then less than the target allows."""

Running = Callable[[], AbstractContextManager[EngineServer]]


@contextlib.contextmanager
def gateway(name: str, server: EngineServer | None) -> Iterator[Server]:
    options = () if server is None else ("--engine", server.url, "--engine-prefix", "bench")
    with served(lambda folder: GatewayProcess(folder, *options, environment=UNLIMITED)) as process:
        yield Server(name, process.port, process.pid, greeting=1)


async def latency(server: Server, rounds: int) -> float:
    """Milliseconds from a client's message until it is back, in the median."""
    client = await connect(server.port)
    await server.join(client, "chat-latency")
    times: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        client.send(SAY | {"room": "chat-latency"})
        await client.until(client.frames + 1)
        times.append(time.perf_counter() - begin)
    client.transport.close()
    return statistics.median(times) * 1000


async def fan_out(servers: Sequence[Server], receivers: int, in_flight: int, rounds: int, *, joined: bool) -> float:
    """Microseconds of all gateways together a delivery, with `receivers` at each. The first client of all speaks or,
    where the gateways are not `joined`, the first one of each.
    """
    crowds: list[list[Client]] = [await measures.crowd(server, receivers) for server in servers]
    clients = [client for crowd in crowds for client in crowd]
    speakers = clients[:1] if joined else [crowd[0] for crowd in crowds]
    meters = [Meter(server.pid) for server in servers]

    async def one_round() -> None:
        wanted = [client.frames + in_flight for client in clients]
        for _ in range(in_flight):
            for speaker in speakers:
                speaker.send(SAY)
        await asyncio.gather(*(client.until(number) for client, number in zip(clients, wanted, strict=True)))

    for _ in range(max(1, rounds // 10)):
        await one_round()
    before = sum(meter.cpu_us() for meter in meters)
    for _ in range(rounds):
        await one_round()
    cost = sum(meter.cpu_us() for meter in meters) - before
    await measures.close(clients)
    return cost / rounds / in_flight / len(clients)


class Deaf:
    """Implements `core.rooms.ports.EngineListener`: a gateway that does nothing with what it is told."""

    def delivered(self, room: str, offset: int, text: bytes) -> None: ...

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None: ...

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None: ...

    def gateway(self, node: str, standing: Standing) -> None: ...

    def occupied(self, room: str) -> None: ...

    def vacated(self, room: str) -> None: ...

    def restarted(self, room: str, head: RoomPosition) -> None: ...

    def told(self, kind: str, text: str) -> None: ...

    def told_user(self, user: str, text: bytes) -> None: ...


async def idle(server: EngineServer, members: int) -> float:
    """Commands a second that the server gets while nothing happens."""
    setup = EngineSetup(
        url=server.url,
        prefix=f"idle{members}",
        node=secrets.token_hex(8),
        new_node=lambda: secrets.token_hex(8),
        new_epoch=lambda: secrets.token_urlsafe(8),
        encode=msgspec.json.encode,
        ledger=Ledger(),
        clock=time.monotonic,
    )
    engine = await open_engine(setup, "")
    engine.listen(Deaf())
    entry = PresenceEntry("Ada", 1, "online", 0)
    answers = [engine.present(f"chat-{number % 50}", f"user{number}", entry) for number in range(members)]
    for answer in answers:
        await answer
    before = await asyncio.to_thread(server.commands)
    await asyncio.sleep(IDLE_S)
    after = await asyncio.to_thread(server.commands)
    await engine.aclose()
    return (after - before) / IDLE_S


async def measure(
    memory: Sequence[Server], shared: Sequence[Server], runs: int, scale: float
) -> dict[str, list[float]]:
    def rounds(count: int) -> int:
        return max(5, int(count * scale))

    figures: dict[str, list[float]] = {name: [] for name in TARGETS}
    plan: dict[str, Callable[[Server], Awaitable[float]]] = {
        LOADED: lambda server: measures.round_trip(server, "message", 16, rounds(600), clients=1),
        ALONE: lambda server: measures.round_trip(server, "message", 1, rounds(3000), clients=1),
    }
    for run in range(1, runs + 1):
        for name, take in plan.items():
            alone, through = await take(memory[0]), await take(shared[0])
            figures[name].append(through - alone)
            print(f"  run {run}/{runs}  {name}: {through:.1f} - {alone:.1f} = {through - alone:.1f}", flush=True)
        figures[LATENCY].append(await latency(shared[0], rounds(1000)))
        print(f"  run {run}/{runs}  {LATENCY}: {figures[LATENCY][-1]:.2f}", flush=True)
        # Two at a time in both cases: they share the processors with each other, and each write takes longer then.
        apart = await fan_out(memory, 1000, 16, rounds(20), joined=False)
        both = await fan_out(shared, 1000, 16, rounds(20), joined=True)
        figures[FAN_OUT].append(both / apart)
        print(f"  run {run}/{runs}  {FAN_OUT}: {both:.2f} / {apart:.2f} = {both / apart:.2f}", flush=True)
    return figures


def report(figures: dict[str, list[float]], judge: bool) -> bool:
    print(f"\n{'measure':<52}{'median':>9}{'from':>9}{'to':>9}{'at most':>9}")
    good = True
    for name, target in TARGETS.items():
        median = statistics.median(figures[name])
        reached = median <= target
        good = good and reached
        mark = "  above" if judge and not reached else ""
        print(f"{name:<52}{median:>9.2f}{min(figures[name]):>9.2f}{max(figures[name]):>9.2f}{target:>9.2f}{mark}")
    return good


def run(engine: Running, runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every figure is within its target."""
    with engine() as server:
        with (
            gateway("memory", None) as memory,
            gateway("more memory", None) as more,
            gateway("a", server) as one,
            gateway("b", server) as two,
        ):
            figures = asyncio.run(measure([memory, more], [one, two], runs, scale))
        few, many = asyncio.run(idle(server, 100)), asyncio.run(idle(server, 10_000))
        print(f"  {IDLE}: {many:.2f} / {few:.2f}", flush=True)
        figures[IDLE] = [many / few]
    return report(figures, judge)
