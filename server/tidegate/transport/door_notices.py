"""The log lines of the door, counted: clients can cause each of them as often as they like."""

from __future__ import annotations

import logging

from tidegate.counted import PERIOD_S, Counted

log = logging.getLogger("tidegate.door")

DOOR_FULL = Counted(
    log, logging.WARNING, "the door is full: a client of %s was refused (max_connections = %d)", name="door_full"
)
ADDRESS_FULL = Counted(
    log,
    logging.WARNING,
    "%s connects too often or too many times: refused (address_connects, address_connections)",
    name="address_limited",
)
TOKENS_IGNORED = Counted(
    log, logging.WARNING, "%s sent too many tokens that are not valid: refused (token_attempts)", name="token_ignored"
)
GAVE_WAY = Counted(
    log,
    logging.INFO,
    "the door is nearly full: an anonymous client of %s that asked for nothing was closed",
    name="gave_way",
)
STOOD_STILL = Counted(
    log,
    logging.WARNING,
    "the gateway did not run for %s s: no deadline of a client passes with that",
    name="stood_still",
)
HOURLY_S = 60 * PERIOD_S
NOT_LIMITED = Counted(
    log,
    logging.INFO,
    "limits by address are off for clients from %s, which is no public address: if it is a proxy that sets "
    "X-Forwarded-For, or sends a PROXY header, put it into `trusted_proxies`",
    HOURLY_S,
    name="address_not_limited",
)
UNNAMED = Counted(
    log,
    logging.WARNING,
    "limits by address are off for clients of the trusted proxy %s: it sends no X-Forwarded-For with their address "
    "(`trusted_proxies`)",
    HOURLY_S,
    name="proxy_names_no_address",
)
