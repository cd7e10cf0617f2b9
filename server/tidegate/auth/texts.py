"""Which characters an id and a name of a user may have: none that hides, reorders or breaks the text around it.

Names and ids stand in logs, in presence lists and on pages. A control character can forge a log line, and a
bidirectional one shows a name as another one.
Source of the list: Unicode Standard Annex #9, section 2 (bidirectional formatting characters).
"""

from __future__ import annotations

import unicodedata

ID_LIMIT = 128
"""Characters in the id or the name of a user, at most."""
BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NOT_IN_IDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, invisible format characters, lone surrogates, separators of lines and paragraphs."""
NOT_IN_NAMES = frozenset({"Cc", "Zl", "Zp"})
"""Names may have joiners, with which emoji and some scripts are written."""


def proper_id(text: str) -> bool:
    """Whether a user may have the id `text`."""
    if not 0 < len(text) <= ID_LIMIT or text.strip() != text:
        return False
    return (text.isascii() and text.isprintable()) or not any(unicodedata.category(char) in NOT_IN_IDS for char in text)


def proper_name(text: str) -> str:
    """`text` as the name of a user: shortened, and without what a name may not have."""
    if not (text.isascii() and text.isprintable()):
        text = sendable("".join(char for char in text if _shown(char)))
    return text.strip()[:ID_LIMIT]


def sendable(text: str) -> str:
    """`text` without lone surrogates: JSON can express them and UTF-8 cannot, so they could not be sent."""
    return text.encode("utf-8", "replace").decode()


def _shown(char: str) -> bool:
    return char not in BIDIRECTIONAL and unicodedata.category(char) not in NOT_IN_NAMES
