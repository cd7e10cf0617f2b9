"""The supervisor's part of `tidegate serve --workers N`: it binds the sockets, and knows how each member is started.

The members run the same command, with the options of the user and what the supervisor tells them (`--member`).
"""

from __future__ import annotations

import argparse
import itertools
import logging
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tidegate import config
from tidegate.admin.binding import bound as operators_sockets
from tidegate.cli.serving.announcing import announce
from tidegate.config import ConfigError, Settings
from tidegate.start import cannot_listen
from tidegate.workers import plan
from tidegate.workers.common import Common
from tidegate.workers.place import Place
from tidegate.workers.places import MemberPlace
from tidegate.workers.sockets import bound, dealt
from tidegate.workers.spawning import Process, start
from tidegate.workers.supervisor import Supervisor
from tidegate.workers.times import Times

log = logging.getLogger("tidegate.workers")

OPTIONS = (
    "host",
    "port",
    "workers",
    "handlers",
    "log_level",
    "log_format",
    "admin",
    "database",
    "schema",
    "config",
    "engine",
    "engine_prefix",
)
WAITING = 128
"""Workers that connect while the hub is away wait here."""


def run(args: argparse.Namespace, settings: Settings, given: list[socket.socket]) -> int:
    """Supervise workers until a signal. `given`: the sockets of systemd, if there are any. Raises ConfigError."""
    count = settings.worker_count
    try:
        sockets = dealt(given, count) if given else bound(settings.host, settings.port, count)
    except OSError as error:
        raise cannot_listen(settings, error) from None
    address = sockets[0][0].getsockname()
    port = int(address[1]) if isinstance(address, tuple) else 0
    operators = operators_sockets(settings.admin) if settings.admin else []
    common, hub = Common(count), _hub_socket()
    worker = partial(_start_worker, partial(_command, args), common, settings, hub, (sockets, operators))
    supervisor = Supervisor(
        MemberPlace("hub", partial(_start_hub, partial(_command, args), settings, hub, itertools.count())),
        [MemberPlace(f"worker {number}", partial(worker, number)) for number in range(1, count + 1)],
        common,
        Times.of(settings),
        partial(_reread, args, settings),
        lambda: announce(settings, port),
        at_terminal=sys.stdin is not None and sys.stdin.isatty(),
    )
    return supervisor.run()


def _start_worker(
    command: Callable[[str], list[str]],
    common: Common,
    settings: Settings,
    hub: socket.socket,
    sockets: tuple[list[list[socket.socket]], list[socket.socket]],
    number: int,
    now: float,
) -> Process:
    """`sockets`: those of each slot, and those for operators, which all workers share."""
    of_slots, operators = sockets
    descriptors = {slot: tuple(each.fileno() for each in own) for slot, own in enumerate(of_slots, 1)}
    place = Place(
        kind="worker",
        number=number,
        count=settings.worker_count,
        listening=descriptors.pop(number),
        others=descriptors,
        operators=tuple(each.fileno() for each in operators),
        hub=_address(hub),
        hub_writes=plan.hub_writes(settings),
    )
    return common.start(place, partial(start, command=command, now=now))


def _start_hub(
    command: Callable[[str], list[str]],
    settings: Settings,
    listening: socket.socket,
    starts: Iterator[int],
    now: float,
) -> Process:
    """`starts` counts them."""
    place = Place(
        kind="hub",
        count=settings.worker_count,
        listening=(listening.fileno(),),
        hub=_address(listening),
        again=next(starts) > 0,
    )
    return start(place, command, now)


def _command(args: argparse.Namespace, told: str) -> list[str]:
    """The process of a member: a new Python, with the user's options."""
    options: list[str] = []
    for name in OPTIONS:
        if getattr(args, name, None) is not None:
            options += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    # -P: a file of the application called `queue.py` must not stand in for the standard library's.
    return [sys.executable, "-P", "-m", "tidegate", "serve", *options, "--member", told]


def _hub_socket() -> socket.socket:
    """Where the workers reach the hub: a name that no file has, so that nothing is left behind.

    The hub checks who connects. The supervisor keeps the socket, so that connects wait while the hub is started again.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(f"\0tidegate-{secrets.token_hex(16)}")
    listening.listen(WAITING)
    return listening


def _address(listening: socket.socket) -> str:
    name: bytes = listening.getsockname()
    return "@" + name.removeprefix(b"\0").decode()


def _reread(args: argparse.Namespace, before: Settings) -> Times:
    """The times of the settings as they are now. Raises ConfigError where they allow no reload."""
    after = config.load(args)
    differ = plan.changed(before, after)
    if differ:
        raise ConfigError(f"{', '.join(differ)}: other than at the start; restart the gateway")
    return Times.of(after)
