"""Signatures of webhooks, as https://www.standardwebhooks.com defines them.

Any library of that standard checks them. Invariant: the signature covers the id, the time and every byte of the body.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence


def headers(message: str, time: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one message. `time`: seconds since the Unix epoch. Each of `keys` signs."""
    signed = f"{message}.{time}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(time),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
