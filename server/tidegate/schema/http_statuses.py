"""What HTTP makes of the protocol, in one place for the API, its document and the bridge of the checks.

The HTTP status of each error code, and the requests that HTTP does not have.

Invariant: every HTTP answer that carries an error code has the status that this table gives the code.
"""

from __future__ import annotations

from typing import Final

STATUSES: Final = {
    "invalid_json": 400,
    "invalid_message": 400,
    "invalid_data": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "unknown_type": 404,
    "unknown_room": 404,
    "unknown_resource": 404,
    "not_found": 404,
    "not_joined": 409,
    "conflict": 409,
    "cancelled": 409,
    "too_large": 413,
    "rate_limited": 429,
    "limit_reached": 429,
    "internal": 500,
    "unavailable": 503,
    "timeout": 504,
}
OWN_ERRORS: Final = 409
"""The status of an application's own errors, whose codes begin with `app:`."""

NEEDS_CONNECTION: Final = frozenset({"authenticate", "cancel", "join", "leave", "presence", "subscribe", "unsubscribe"})
"""Requests that say or change something about a connection: they have no path."""


def status_of(code: str) -> int:
    """The status of an error code. A code that is not in the table is one of an application."""
    return STATUSES.get(code, OWN_ERRORS)
