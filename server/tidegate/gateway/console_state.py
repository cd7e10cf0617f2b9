"""What the page at `/` shows of the gateway in development mode: connections, rooms, subscriptions and what they cost.

Invariant: the answer is bounded, and has no token, no payload and no content of a row.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tidegate.gateway import inspection
from tidegate.gateway.inspection import Connected, session_of
from tidegate.transport import Response

PATH = "/console/state.json"
MOST = 50
"""Connections, rooms and groups that are shown, the most costly first."""


def answer(connected: Connected) -> Callable[[object], Response]:
    """{connections, rooms, subscriptions}; `names` has the names of the users by their ids."""

    def respond(_: object) -> Response:
        sessions = connected.gateway.sessions
        found = [view for view in inspection.connections(connected, limit=MOST) if view.kind == "websocket"]
        shown = {view.id for view in found}
        of_shown = [session_of(connection) for connection in connected if connection.id in shown]
        state = {
            "connections": found,
            "names": {session.user.id: session.user.name for session in of_shown if session is not None},
            "rooms": inspection.rooms(sessions, limit=MOST),
            "subscriptions": inspection.subscriptions(sessions, limit=MOST),
        }
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(200, headers, msgspec.json.encode(state))

    return respond
