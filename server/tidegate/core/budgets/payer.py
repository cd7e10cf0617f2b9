"""Who pays for work that a client causes."""

from __future__ import annotations

from typing import NamedTuple


class Payer(NamedTuple):
    """The account, and which of its connections asks."""

    account: str
    """`core.session.Session.account`."""
    connection: str


GATEWAY = Payer("", "")
"""Pays for what many clients share."""
