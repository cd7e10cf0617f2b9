"""The settings that concern how a gateway is run: workers, its stop, its log, and the address for operators.

They are fields of `config.Settings`, which reads and checks them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec


def about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class OperatingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one gateway's settings."""

    admin: Annotated[
        str | None,
        about(
            "Address for operators: metrics, inspection, `tidegate top`. `127.0.0.1:8788`, "
            "`unix:/run/tidegate/admin`. Without it: none."
        ),
    ] = None
    admin_secret: Annotated[
        str | None,
        about("What operators send as bearer token, at least 32 characters. A Unix socket and `dev` need none."),
    ] = None
    admin_secret_file: Annotated[str | None, about("A file with `admin_secret`.")] = None
    loop: Annotated[
        str, about("Event loop: `asyncio`, `uvloop` (the extra `tidegate[uvloop]`), or `auto`: uvloop if installed.")
    ] = "auto"
    log_level: Annotated[str, about("debug, info, warning or error.")] = "info"
    log_format: Annotated[str, about("`console`, or `json` for one JSON object a line.")] = "console"
    access_log: Annotated[
        bool, about("Whether the log has a line for each WebSocket that ended; 50 a second at most.")
    ] = False
    otel_endpoint: Annotated[
        str | None,
        about(
            "Where spans of requests go: a collector of OpenTelemetry that takes OTLP over HTTP, such as "
            "`http://127.0.0.1:4318`; needs the extra `tidegate[otel]`. Without it: no spans."
        ),
    ] = None
    otel_ratio: Annotated[
        float,
        about("Share of requests that have a span, from 0 to 1; 0: only those of a client's `traceparent` over HTTP."),
        msgspec.Meta(ge=0, le=1),
    ] = 0.01
    workers: Annotated[
        int | str, about("Worker processes on this machine, or `auto` for as many as it has cores; Linux only.")
    ] = 1
    worker_start: Annotated[float, about("Seconds in which a worker has to be ready."), msgspec.Meta(gt=0)] = 60.0
    worker_timeout: Annotated[
        float,
        about("Seconds after which a worker whose event loop does not turn is killed and replaced; 3 or more."),
        msgspec.Meta(ge=3),
    ] = 20.0
    drain_delay: Annotated[
        float,
        about("Seconds after the signal to stop in which the gateway, not ready any more, still accepts clients."),
        msgspec.Meta(ge=0),
    ] = 0.0
    drain: Annotated[
        float,
        about("Seconds over which a stop closes the connections, so that clients come back evenly."),
        msgspec.Meta(ge=0),
    ] = 0.0
    graceful_stop: Annotated[
        float,
        about("Seconds of a stop after both drains, for what is under way and for clients to leave."),
        msgspec.Meta(ge=0),
    ] = 10.0
