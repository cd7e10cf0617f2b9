"""Prints where the gateway serves, once clients can connect."""

from __future__ import annotations

from tidegate.config import Settings


def announce(settings: Settings, port: int) -> None:
    """Print where the gateway serves; `port`: 0 for a Unix socket."""
    if not port:
        print("tidegate: serving on the Unix socket of systemd", flush=True)
        return
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    http, ws = ("http", "ws") if settings.tls_cert is None else ("https", "wss")
    print(f"tidegate: serving on {http}://{host}:{port}  (WebSocket: {ws}://{host}:{port}/ws)", flush=True)
