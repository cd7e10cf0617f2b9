"""The close codes that the transport itself sends (RFC 6455, section 7.4.1, and IANA's registry of close codes).

An application that has a code for one of these cases passes it in, as a `CloseReason`. The transport knows no code of
an application.
"""

from __future__ import annotations

from typing import NamedTuple

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
TOO_BIG = 1009
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013


class CloseReason(NamedTuple):
    """What a close frame says."""

    code: int
    reason: str
