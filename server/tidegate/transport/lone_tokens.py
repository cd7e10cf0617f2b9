"""Finds a token that stands alone in the header Authorization, without the word Bearer before it.

Such a client would be anonymous, and would not know why. It is refused, so that the mistake shows in its first test.
A header of another scheme, such as `Basic` of a proxy, means nothing to the gateway. Nothing of the token is repeated.
"""

from __future__ import annotations

from tidegate.transport.http import Response
from tidegate.transport.url_tokens import JWT

TEXT = "the header Authorization has a token and no scheme: write `Authorization: Bearer TOKEN`"
REFUSED = Response.text(401, TEXT + "\n", {"WWW-Authenticate": "Bearer"})


def stands_alone(authorization: str) -> bool:
    """Whether the value of the header is a token and nothing else."""
    return JWT.fullmatch(authorization.strip()) is not None
