"""Every WebSocket close code that the gateway uses, by name: the one place where the numbers stand.

The source is schema/types/close_code; a test holds the two equal. Codes below 3000 are those of RFC 6455, section
7.4.1; 4000 to 4999 are private (section 7.4.2), and their hundreds tell the client what to do next: `RANGES`.
This module does not know how a connection is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from tidegate_protocol import CloseCode

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
INVALID_TEXT: Final = 1007
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
UNAUTHENTICATED: Final = 4001
FORBIDDEN: Final = 4003
PROTOCOL_VERSION: Final = 4009
REPLACED: Final = 4010
OVERLOADED: Final = 4100
SLOW_CONSUMER: Final = 4101
RATE_LIMIT: Final = 4102
DRAIN: Final = 4200
RESTART: Final = 4201
TOKEN_REFRESH: Final = 4202

RANGES: Mapping[range, Literal["never", "backoff", "resume"]] = {
    range(4000, 4100): "never",
    range(4100, 4200): "backoff",
    range(4200, 4300): "resume",
}
"""What a client does after a private code: stay away, come back after a growing delay, or come back and resume."""

REASONS: Mapping[CloseCode, str] = {
    NORMAL: "done",
    GOING_AWAY: "the page was left",
    PROTOCOL_ERROR: "a frame broke the WebSocket protocol",
    INVALID_TEXT: "a text message must be UTF-8",
    TOO_BIG: "a message was larger than the limit",
    INTERNAL_ERROR: "the gateway failed at this connection",
    SERVICE_RESTART: "the gateway restarts",
    TRY_AGAIN_LATER: "the gateway has too many connections",
    UNAUTHENTICATED: "the token is not valid",
    FORBIDDEN: "this user may not connect",
    PROTOCOL_VERSION: "the gateway does not speak this version of the protocol",
    REPLACED: "another connection took the place of this one",
    OVERLOADED: "the gateway cannot keep up",
    SLOW_CONSUMER: "what was sent is not read fast enough; resume",
    RATE_LIMIT: "the client keeps sending more than it may",
    DRAIN: "this gateway takes no more clients",
    RESTART: "the gateway restarts",
    TOKEN_REFRESH: "the token has expired",
}
"""The reason that goes into the close frame where there is no better one: at most 123 bytes (RFC 6455, section 5.5)."""
