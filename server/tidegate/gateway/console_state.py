"""What the page at `/` shows of the gateway in development mode: connections, rooms, subscriptions and what they cost.

Invariant: the answer is bounded, and has no token, no payload and no content of a row.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tidegate.gateway import inspection
from tidegate.gateway.inspection import Lines, session_of
from tidegate.transport import Response

PATH = "/console/state.json"
MOST = 50
"""Connections, rooms and groups that are shown, the most costly first."""


def answer(lines: Lines) -> Callable[[object], Response]:
    """{connections, rooms, subscriptions}; `names` has the names of the users by their ids."""

    def respond(_: object) -> Response:
        sessions = lines.gateway.sessions
        found = [view for view in inspection.connections(lines, limit=MOST) if view.kind == "websocket"]
        shown = {view.id for view in found}
        users = [session.user for line in lines if line.id in shown and (session := session_of(line)) is not None]
        state = {
            "connections": found,
            "names": {user.id: user.name for user in users},
            "rooms": inspection.rooms(sessions, limit=MOST),
            "subscriptions": inspection.subscriptions(sessions, limit=MOST),
        }
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(200, headers, msgspec.json.encode(state))

    return respond
