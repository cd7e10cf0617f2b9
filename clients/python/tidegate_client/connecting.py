"""`connect`: how a program gets a client.

It turns keyword arguments into `Options` and starts the client, awaited or entered with `async with`.
Invariant: a program that leaves the `async with` block leaves nothing running behind.
"""

from __future__ import annotations

import random as chance
import ssl as tls
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .catalogue import ResourceContract
from .client import Client
from .options import Clock, LoopClock, Options, Token

__all__ = ["Connecting", "connect"]

WITHOUT_AWAIT = "tidegate_client.sync has a client without `await`"


class Connecting:
    """What `connect` returns: to be awaited, or entered with `async with`."""

    def __init__(self, options: Options) -> None:
        self._client = Client(options)

    def __await__(self) -> Generator[Any, None, Client]:
        return self._client.start().__await__()

    async def __aenter__(self) -> Client:
        return await self._client.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    if not TYPE_CHECKING:  # a type checker reports these mistakes by itself

        def __enter__(self):
            raise TypeError(f"enter it with `async with`; {WITHOUT_AWAIT}")

        def __exit__(self, *_):
            """Python asks for it before it calls `__enter__`."""

        def __getattr__(self, name):
            raise AttributeError(
                f"no {name!r} before `await connect(...)` or `async with connect(...)`; {WITHOUT_AWAIT}"
            )


def connect(
    url: str,
    *,
    token: Token = None,
    identity: str | None = None,
    contract: str | None = None,
    keys: Mapping[str, str | Sequence[str]] | None = None,
    resources: Mapping[str, ResourceContract] | None = None,
    optimistic: bool = False,
    wait: bool = False,
    request_timeout: float = 30.0,
    open_timeout: float = 10.0,
    buffer: int = 1024,
    max_waiting: int = 1024,
    headers: Mapping[str, str] | None = None,
    ssl: tls.SSLContext | None = None,
    proxy: str | Literal[True] | None = True,
    compression: bool = False,
    clock: Clock | None = None,
    random: Callable[[], float] | None = None,
) -> Connecting:
    """A client of the gateway at `url` (ws:// or wss://), connected when awaited or entered.

    `token`: a JWT for the Authorization header, or a function (plain or async) that gives a fresh one before each
    connection. `identity`: the `client.identity` of an earlier run, to be the same anonymous user again.
    `contract`: `app_contract.CONTRACT`; the client logs one warning about a gateway that has another.
    `keys`: the key properties of resources whose key is not `id`. `resources`: `app_contract.RESOURCES`, which says
    that too, and the types of properties. `optimistic`: live queries show own writes before the answer.
    `wait`: keep trying when the first attempt fails.
    `request_timeout` (time offline included), `open_timeout` (for a token function, and until `welcome`): seconds.
    `buffer`: unread items that each iterator keeps. `max_waiting`: requests and messages that may wait at once.
    `compression`: offer to compress messages, which a gateway with the setting `compression` takes. The client
    compresses those of 512 bytes or more.
    `headers`, `ssl`, `proxy`: for the opening handshake. `clock`, `random`: time and chance, for tests.
    Raises InvalidOption, Unreachable or ConnectionRefused.

    Example:
        async with connect("ws://127.0.0.1:8787/ws", token=token) as client:
            room = await client.join("chat-1")
            await room.send({"text": "Hello"})
    """
    options = Options(
        url=url,
        token=token,
        identity=identity,
        contract=contract,
        keys=dict(keys or {}),
        resources=dict(resources or {}),
        optimistic=optimistic,
        wait=wait,
        request_timeout=request_timeout,
        open_timeout=open_timeout,
        buffer=buffer,
        max_waiting=max_waiting,
        headers=dict(headers or {}),
        ssl=ssl,
        proxy=proxy,
        compression=compression,
        clock=clock or LoopClock(),
        random=random or chance.random,
    )
    return Connecting(options)
