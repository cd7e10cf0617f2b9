"""The settings that limit what clients may send, hold and cost.

They are fields of `config.Settings`, which reads and checks them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tidegate.operating_settings import OperatingSettings
from tidegate.operating_settings import about as _about


class LimitSettings(OperatingSettings, frozen=True, kw_only=True):
    """A part of one gateway's settings, and those for operators: a Struct has one base."""

    max_message: Annotated[int, _about("Bytes in a message from a client, at most."), msgspec.Meta(ge=1024)] = 65536
    compression: Annotated[
        int,
        _about(
            "Least bytes of a message that is compressed, for clients that offer permessage-deflate; 0 compresses and "
            "offers nothing."
        ),
        msgspec.Meta(ge=0, le=65536),
    ] = 0
    max_connections: Annotated[
        int, _about("Connections at a time, at most; fewer if the limit of open files is lower."), msgspec.Meta(ge=1)
    ] = 50_000
    max_rooms: Annotated[int, _about("Rooms a connection may be in at a time."), msgspec.Meta(ge=1)] = 100
    max_subscriptions: Annotated[int, _about("Subscriptions a connection may hold."), msgspec.Meta(ge=1)] = 100
    max_page: Annotated[
        int, _about("Rows that a `list` without `limit` returns, at most."), msgspec.Meta(ge=1, le=1000)
    ] = 1000
    info_bytes: Annotated[int, _about("Bytes of a member's `info`, at most."), msgspec.Meta(ge=0)] = 1024
    rate: Annotated[
        float,
        _about(
            "Frames of any kind a second and connection; above it the client is slowed down, then closed with 4102."
        ),
        msgspec.Meta(ge=0),
    ] = 100.0
    rate_bytes: Annotated[int, _about("Bytes a second and connection, as `rate`."), msgspec.Meta(ge=0)] = 1024**2
    address_connects: Annotated[
        float,
        _about("New connections a second from one public address; more get 429."),
        msgspec.Meta(ge=0),
    ] = 20.0
    address_connections: Annotated[
        int, _about("Connections at a time from one public address; more get 429."), msgspec.Meta(ge=0)
    ] = 1000
    address_rooms: Annotated[
        float,
        _about("Rooms a minute that the clients of one public address may be the first to join."),
        msgspec.Meta(ge=0),
    ] = 600.0
    token_attempts: Annotated[
        float,
        _about("Refused tokens a minute and public address, above which its tokens are not looked at."),
        msgspec.Meta(ge=0),
    ] = 10.0
    read_timeout: Annotated[
        float, _about("Seconds that a read may wait for its turn, and then run."), msgspec.Meta(ge=0)
    ] = 5.0
    write_timeout: Annotated[float, _about("Seconds that a write may wait and take."), msgspec.Meta(ge=0)] = 5.0
    handler_timeout: Annotated[
        float,
        _about("Seconds that a handler may take to answer; then the client gets `timeout`."),
        msgspec.Meta(gt=0, le=86400),
    ] = 20.0
    memory: Annotated[
        str,
        _about(
            "What clients may make the gateway hold: `25 %` of the machine's or container's memory, `256 MiB`, or 0."
        ),
    ] = "25 %"
    slow_rate: Annotated[
        int, _about("Bytes that a client has to take in 10 seconds while data waits for it."), msgspec.Meta(ge=0)
    ] = 32768
