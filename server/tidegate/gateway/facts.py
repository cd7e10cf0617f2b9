"""What a gateway says of itself to operators and to other gateways: its name, where it runs, and how it is.

Invariant: it names no client, and is as large for a thousand clients as for one.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from tidegate import __version__
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.ports import Store
from tidegate.core.sessions import Sessions


def facts_of(sessions: Sessions, engine: Engine, store: Store) -> Callable[[], dict[str, Any]]:
    """Returns what asks for them. `since`: when the gateway began, in milliseconds since the Unix epoch."""
    since = int(time.time() * 1000)
    host = socket.gethostname()

    def facts() -> dict[str, Any]:
        return {
            "node": engine.node,
            "host": host,
            "process": os.getpid(),
            "version": __version__,
            "since": since,
            "connections": len(sessions),
            "draining": sessions.draining,
            "database": store.problem or "healthy",
            "engine": "healthy" if engine.healthy else "does not answer",
            "contract": sessions.contract,
        }

    return facts
