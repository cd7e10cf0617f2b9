"""What two workers and their hub cost together, compared with one process in the same run, over SQLite.

Figures are processor time of the GATEWAY's processes. How much sooner two workers are done is printed on machines with
four cores or more: on fewer, the clients of the measure take the cores of the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Iterator

import psutil

from tests.bench import measures
from tests.bench.load import Meter
from tests.bench.measures import SAY, UNLIMITED, Server
from tests.bench.served import served
from tests.support.gateway import GatewayProcess

DELIVERY = "a delivery in a room of 2000, 2 workers and hub / one process"
SPEAKERS = "the same, 16 speakers with a message each"
SHARE = "the busier worker's part of both workers' time"
CLIENTS = "the larger worker's part of 2000 clients"
FASTER = "messages a second, 2 workers / one process"
TARGETS = {DELIVERY: 1.15, SPEAKERS: 1.15, SHARE: 0.6, CLIENTS: 0.6}
"""The most that each figure may be."""
RECEIVERS, IN_FLIGHT = 2000, 16
CORES = 4


@contextlib.contextmanager
def gateway(workers: int) -> Iterator[tuple[Server, list[Meter], list[int]]]:
    """The gateway, the meters of all its processes, and the workers' process ids."""
    environment = UNLIMITED | {"TIDEGATE_GRACEFUL_STOP": "2"}
    with served(lambda folder: GatewayProcess(folder, "--workers", str(workers), environment=environment)) as process:
        try:
            children = psutil.Process(process.pid).children()
            of_workers = [each.pid for each in children if '"kind":"worker"' in each.cmdline()[-1]]
            meters = [Meter(pid) for pid in (process.pid, *(each.pid for each in children))]
            yield Server(f"{workers}", process.port, process.pid, greeting=1), meters, of_workers
        except Exception:  # whatever ended the measure: the log of the workers says more
            print(process.log_file.read_text()[-4000:])
            raise


async def fan_out(
    server: Server, meters: list[Meter], workers: list[int], rounds: int, speakers: int = 1
) -> dict[str, float]:
    """Microseconds of all processes a delivery, messages a second, and how even the workers' parts are."""
    clients = await measures.crowd(server, RECEIVERS)
    of_workers = [Meter(pid) for pid in workers]

    async def one_round() -> None:
        wanted = [client.frames + IN_FLIGHT for client in clients]
        for number in range(IN_FLIGHT):
            clients[number % speakers].send(SAY)
        await asyncio.gather(*(client.until(number) for client, number in zip(clients, wanted, strict=True)))

    await one_round()
    before = sum(meter.cpu_us() for meter in meters)
    each_before = [meter.cpu_us() for meter in of_workers]
    began = time.perf_counter()
    for _ in range(rounds):
        await one_round()
    seconds = time.perf_counter() - began
    cost = sum(meter.cpu_us() for meter in meters) - before
    parts = [meter.cpu_us() - earlier for meter, earlier in zip(of_workers, each_before, strict=True)]
    sockets = [_connections(pid, server.port) for pid in workers]
    await measures.close(clients)
    found = {"cost": cost / rounds / IN_FLIGHT / RECEIVERS, "rate": rounds * IN_FLIGHT / seconds}
    if workers:
        found |= {"share": max(parts) / sum(parts), "clients": max(sockets) / max(1, sum(sockets))}
    return found


def _connections(pid: int, port: int) -> int:
    found = psutil.Process(pid).net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in found)


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every figure is within its target."""
    rounds = max(3, int(30 * scale))
    figures: dict[str, list[float]] = {name: [] for name in (*TARGETS, FASTER)}
    with gateway(1) as (one, meters_of_one, _), gateway(2) as (two, meters_of_two, workers):
        for number in range(1, runs + 1):
            alone = asyncio.run(fan_out(one, meters_of_one, [], rounds))
            both = asyncio.run(fan_out(two, meters_of_two, workers, rounds))
            figures[DELIVERY].append(both["cost"] / alone["cost"])
            figures[SHARE].append(both["share"])
            figures[CLIENTS].append(both["clients"])
            figures[FASTER].append(both["rate"] / alone["rate"])
            print(f"  run {number}/{runs}  {DELIVERY}: {both['cost']:.2f} / {alone['cost']:.2f} us", flush=True)
            alone = asyncio.run(fan_out(one, meters_of_one, [], rounds, IN_FLIGHT))
            both = asyncio.run(fan_out(two, meters_of_two, workers, rounds, IN_FLIGHT))
            figures[SPEAKERS].append(both["cost"] / alone["cost"])
            print(f"  run {number}/{runs}  {SPEAKERS}: {both['cost']:.2f} / {alone['cost']:.2f} us", flush=True)
    return report(figures, judge)


def report(figures: dict[str, list[float]], judge: bool) -> bool:
    print(f"\n{'measure':<64}{'median':>9}{'from':>9}{'to':>9}{'at most':>9}")
    good = True
    for name, target in TARGETS.items():
        median = statistics.median(figures[name])
        good = good and median <= target
        mark = "  above" if judge and median > target else ""
        print(f"{name:<64}{median:>9.2f}{min(figures[name]):>9.2f}{max(figures[name]):>9.2f}{target:>9.2f}{mark}")
    if (os.cpu_count() or 1) >= CORES:
        print(f"{FASTER:<64}{statistics.median(figures[FASTER]):>9.2f}")
    return good
