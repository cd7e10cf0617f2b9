"""What is said to other gateways while the engine's server is away: so much of it waits, and what comes then is lost.

Invariant: no engine keeps more than `LIMIT` such things for a server that is away.
"""

from __future__ import annotations

import logging

from tidegate.counted import Counted

LIMIT = 1000
LOST = Counted(
    logging.getLogger("tidegate.engine"),
    logging.WARNING,
    "the engine's server is away, and so much waits for other gateways that a part of it is lost",
    name="engine_told_lost",
)
