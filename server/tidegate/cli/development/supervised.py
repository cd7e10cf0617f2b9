"""The gateway's side of `tidegate dev`, which starts `tidegate serve --supervised`.

The gateway loads the schema and the handlers, says `PREPARED`, and opens the database when it reads `SERVE`. So the
gateway before it can go on while this one loads, and goes on for good if this one cannot.
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
    """Say that the gateway is prepared, and wait; returns whether it shall serve."""
    print(PREPARED, flush=True)
    if sys.stdin.readline().strip() != SERVE:
        return False
    threading.Thread(target=_end_with_input, daemon=True).start()
    return True


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
