"""The gateway's side of `tidegate dev`, which starts `tidegate serve --supervised`.

The gateway loads the schema and the handlers, prints `PREPARED`, and opens the database when it reads `SERVE`.
Meanwhile the previous gateway serves; it goes on if this one cannot load.
Invariant: a supervised gateway ends when its standard input ends, so that it never outlives `tidegate dev`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

PREPARED = "tidegate: prepared"
SERVE = "serve"


def wait_for_turn() -> bool:
    """Print that the gateway is prepared, and wait; returns whether the gateway is to serve."""
    print(PREPARED, flush=True)
    if sys.stdin.readline().strip() != SERVE:
        return False
    threading.Thread(target=_end_with_input, daemon=True).start()
    return True


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
