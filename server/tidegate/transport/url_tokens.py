"""Finds a token in the query of a URL, where it must not be: proxies, browsers and other programs log URLs.

Such a request is refused, so that the mistake shows in the first test of a client. Nothing of the query is repeated.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from tidegate.transport.http import Response

NAMES = re.compile(r"(?:^|[&;])(?:access_|id_|bearer_)?(?:token|jwt|authorization|bearer)=.", re.I)
"""What clients call it."""
JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
TEXT = (
    "a token must not be in the URL, which is logged: send it in the header Authorization, "
    "as the subprotocol bearer.TOKEN, or in `authenticate`"
)
REFUSED = Response.text(400, TEXT + "\n")


def has_token(query: str, *, by_name: bool = True) -> bool:
    """Whether there is a token. `by_name`: a parameter with the name of one counts, whatever its value."""
    if not query:
        return False
    text = unquote(query)
    return JWT.search(text) is not None or (by_name and NAMES.search(text) is not None)
