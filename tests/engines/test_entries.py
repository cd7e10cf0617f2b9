"""Entries of presence as text: every one comes back as it was."""

from __future__ import annotations

import msgspec
import pytest

from tidegate.core.rooms.ports import PresenceEntry
from tidegate.engines.entries import decode, encode


@pytest.mark.parametrize("info", [None, b'{"mood":"a \\" b"}', b"{}", b"[1,null]", b'"null"', b"0", b"false"])
@pytest.mark.parametrize("status", ["online", "away"])
def test_an_entry_comes_back_as_it_was(info: bytes | None, status: str) -> None:
    entry = PresenceEntry('Ada "x" \u2028', 3, status, 1_700_000_000_000, info and msgspec.Raw(info), 7)  # type: ignore[arg-type]
    text = encode(entry)
    for form in (text, text.decode()):
        back = decode(form)
        assert (back, back.info and bytes(back.info)) == (entry, info)


def test_what_is_no_entry_is_refused() -> None:
    for text in (b"", b"{}", b'["Ada",1]', b'["Ada",1,"gone",1,0,null]'):
        with pytest.raises(msgspec.MsgspecError):
            decode(text)
