"""What a new connection to the server needs before it is used: the right application, all rights, and what is heard.

Invariant: where `welcome` returns, the connection hears everything that is meant for this gateway.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.engines.redis.connection import Connection
from tidegate.engines.redis.greeting import NotNow
from tidegate.engines.redis.keys import META
from tidegate.engines.redis.lua import RIGHTS
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.wire import Wire
from tidegate.engines.setup import EngineError

LACKS = "engine: the user of the engine's server lacks"
NEEDS = "it needs all keys and channels that begin with {}:, and the commands in docs/how-to/redis.md"


async def welcome(connection: Connection, wire: Wire, names: Iterable[str]) -> None:
    """Let `connection` hear what is meant for all gateways, and for this one under each of `names`.

    Raises EngineError for what a person has to mend, otherwise NotNow.
    """
    keys, setup = wire.keys, wire.setup
    try:
        found = await connection.request("GET", keys.application)
        setup.check_application((found or b"").decode())
        probe = keys.channel("")
        lacks, other = await connection.answer(RIGHTS.call([keys.of_room("", META)], probe))
        if lacks:
            commands = b", ".join(dict.fromkeys(lacks)).decode()
            raise EngineError(f"{LACKS} a right ({commands}): {NEEDS.format(setup.prefix)}")
        if other:  # it would refuse every message and every join
            raise NotNow(other.decode("utf-8", "replace").removeprefix("-"))
        if (found or b"").decode() != setup.application:  # a server that is full takes no write
            await connection.request("SET", keys.application, setup.application)
        told = [keys.told(name) for name in names]
        connection.say(pack([b"SUBSCRIBE", keys.everyone, keys.users, *told, probe]))
        connection.say(pack([b"UNSUBSCRIBE", probe]))
        await connection.request("PING")
    except ReplyError as error:
        if error.code == "NOPERM":
            raise EngineError(f"{LACKS} a right: {NEEDS.format(setup.prefix)}") from error
        raise NotNow(str(error)) from error
