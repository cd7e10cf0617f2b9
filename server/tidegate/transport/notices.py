"""The log lines about single connections, counted: a client can cause each of them as often as it likes."""

from __future__ import annotations

import logging

from tidegate.counted import Counted
from tidegate.transport.close_codes import INVALID_TEXT, PROTOCOL_ERROR, TOO_BIG

log = logging.getLogger("tidegate.connection")

BREACHES = {PROTOCOL_ERROR, INVALID_TEXT, TOO_BIG}
"""The close codes of clients that broke the WebSocket protocol."""
TOO_FAST = Counted(
    log,
    logging.WARNING,
    "a client of %s kept sending more than it may: closed (rate, rate_bytes)",
    name="rate_limited",
)
BROKEN = Counted(
    log, logging.INFO, "a client of %s broke the WebSocket protocol: closed with %d", name="protocol_broken"
)
NO_HEADER = Counted(
    log,
    logging.WARNING,
    "a PROXY header of the trusted proxy %s cannot be read: cut off",
    name="proxy_header_broken",
)
SLOW_CONSUMER = Counted(log, logging.INFO, "slow consumer: connection %s is closed %s", name="slow_consumer")
MISSED = Counted(log, logging.INFO, "slow reader: the connection %s missed %d messages", name="messages_missed")
