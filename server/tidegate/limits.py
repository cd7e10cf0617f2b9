"""The limits of a session, as the settings and the schema have them: for the core, and for `welcome`."""

from __future__ import annotations

from tidegate.config import Settings
from tidegate.core.protocol import SessionLimits
from tidegate_protocol import Limits

MAX_HISTORY, MAX_IDS = 1000, 1000
"""As the schema has them (client/history, types/row_keys)."""


def of_sessions(settings: Settings) -> SessionLimits:
    """What the core holds sessions to."""
    return SessionLimits(
        rooms=settings.max_rooms,
        subscriptions=settings.max_subscriptions,
        page=settings.max_page,
        history=MAX_HISTORY,
        info=settings.info_bytes,
        new_rooms=settings.address_rooms,
    )


def told(settings: Settings) -> Limits:
    """What `welcome` tells clients."""
    return Limits(
        max_message=settings.max_message,
        max_rooms=settings.max_rooms,
        max_subscriptions=settings.max_subscriptions,
        max_page=settings.max_page,
        max_history=MAX_HISTORY,
        max_ids=MAX_IDS,
        max_info=settings.info_bytes,
    )
