"""Plays a recording: sends the client's messages in their order, each after the answers that came before it.

Invariant: every connection that it opens is closed when `play` returns.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tidegate.replay.compare import Difference, compare, compare_entries
from tidegate.replay.heard import Heard, Stream, is_open_snapshot, joined_pages, stream_of
from tidegate.replay.names import SUBSCRIPTION, USER, Names
from tidegate.replay.presence import Own, is_shared
from tidegate.replay.recording import HIDDEN, Frame, Message, Recording

PROTOCOL = Subprotocol("tidegate.v1")
LONGEST_MESSAGE = 64 * 1024 * 1024

Token = Callable[[Message], str]
"""The token of a recorded user: {id, name, roles}. Raises BadRecording where there is none."""


class NotReached(Exception):
    """The gateway cannot be talked to; the text says why."""


@dataclass(slots=True)
class Finding:
    """A recorded answer that did not come as it was. `missing`: it did not come at all, and this is why."""

    frame: Frame
    request: Message | None
    differences: list[Difference] = field(default_factory=list)
    missing: str | None = None


@dataclass(slots=True)
class Outcome:
    sent: int = 0
    compared: int = 0
    contract: str = ""
    """The contract that the gateway has now."""
    findings: list[Finding] = field(default_factory=list)


async def play(recording: Recording, url: str, token: Token, *, patience: float = 10.0) -> Outcome:
    """`url`: of the WebSocket, such as ws://127.0.0.1:8787/ws. `patience`: seconds to wait for one answer.

    Raises NotReached, and what `token` raises.
    """
    player = _Player(recording, url, token, patience)
    try:
        for frame in recording.frames:
            await (player.send(frame) if frame.from_client else player.expect(frame))
    finally:
        await player.close()
    return player.outcome


class _Player:
    def __init__(self, recording: Recording, url: str, token: Token, patience: float) -> None:
        self.outcome = Outcome()
        self._recording = recording
        self._url = url
        self._token = token
        self._patience = patience
        self._names = Names()
        self._connections: dict[int, tuple[ClientConnection, Heard, asyncio.Task[None]]] = {}
        self._own: dict[int, Own] = defaultdict(Own)
        self._asked: dict[tuple[int, str], Message] = {}
        self._seen: dict[tuple[int, Stream], int] = defaultdict(int)
        self._pages: dict[tuple[int, Stream], Message] = {}
        self._silent: set[tuple[int, Stream]] = set()

    async def send(self, frame: Frame) -> None:
        socket, _, _ = await self._connection(frame.connection)
        text = frame.text
        if text is None:
            self._own[frame.connection].sent(frame.message)
            message = self._names.translated(frame.message)
            if message.get("type") == "authenticate" and message.get("token") == HIDDEN:
                user = self._recording.signed_in_as(frame)
                message["token"] = HIDDEN if user is None else self._token(user)
            else:
                self._names.note_sent(frame.message)
            if "ref" in message:
                self._asked[frame.connection, str(message["ref"])] = frame.message
            text = json.dumps(message, ensure_ascii=False)
        self.outcome.sent += 1
        try:
            await socket.send(text)
        except ConnectionClosed:
            return  # the answers that are missing now say why

    async def expect(self, frame: Frame) -> None:
        _, heard, _ = await self._connection(frame.connection)
        entry = self._own[frame.connection].told(frame.message)
        given = frame.message.get("subscription")
        stream = stream_of(frame.message, None if given is None else str(self._names.now(given, SUBSCRIPTION)))
        finding = None if stream is None else await self._answer(frame, heard, stream)
        if entry is not None and (finding is None or finding.missing is None):
            self.outcome.compared += stream is None
            finding = await self._entry(frame, heard, entry, finding)
        if finding is not None:
            self.outcome.findings.append(finding)

    async def _answer(self, frame: Frame, heard: Heard, stream: Stream) -> Finding | None:
        recorded = frame.message
        place = (frame.connection, stream)
        if place in self._pages:
            recorded = joined_pages(self._pages.pop(place), recorded)
        if is_open_snapshot(recorded):
            self._pages[place] = recorded
            return None
        index = self._seen[place]
        self._seen[place] += 1
        self.outcome.compared += 1
        # After one message that did not come, the later ones of its stream are not waited for.
        now = await heard.wait(stream, index, 0.0 if place in self._silent else self._patience)
        request = self._asked.get((frame.connection, str(recorded.get("ref"))))
        if now is None:
            self._silent.add(place)
            return Finding(frame, request, missing=heard.ended or f"it did not come within {self._patience:g} s")
        if now.get("type") == "welcome":
            self.outcome.contract = str(now.get("contract", ""))
        differences = compare(recorded, now, self._names, request)
        return Finding(frame, request, differences) if differences else None

    async def _entry(
        self, frame: Frame, heard: Heard, entry: tuple[str, Message], finding: Finding | None
    ) -> Finding | None:
        """Wait until the client's own entry in a room is the recorded one, or is shared with another program."""
        pointer, recorded = entry
        user = self._names.now(recorded["id"], USER)

        def differences() -> list[Difference]:
            now = heard.members.entry(frame.message.get("room"), user)
            return [] if is_shared(now) else compare_entries(recorded, now, self._names, pointer)

        place = (frame.connection, ("entry", str(frame.message.get("room"))))
        if await heard.until(lambda: not differences(), 0.0 if place in self._silent else self._patience):
            return finding
        self._silent.add(place)
        finding = finding or Finding(frame, self._asked.get((frame.connection, str(frame.message.get("ref")))))
        finding.differences.extend(differences())
        return finding

    async def close(self) -> None:
        for number in [*self._connections]:
            await self._close(number)

    async def _connection(self, number: int) -> tuple[ClientConnection, Heard, asyncio.Task[None]]:
        if number not in self._connections:
            for earlier in [*self._connections]:  # the client came back: its earlier connection is gone
                await self._close(earlier)
            try:
                socket = await connect(
                    self._url,
                    subprotocols=[PROTOCOL],
                    max_size=LONGEST_MESSAGE,
                    open_timeout=self._patience,
                    proxy=None,
                )
            except ConnectionRefusedError:
                raise NotReached("nothing listens there; is the gateway running?") from None
            except (OSError, InvalidHandshake, TimeoutError) as error:
                raise NotReached(str(error) or type(error).__name__) from None
            heard = Heard()
            self._connections[number] = (socket, heard, asyncio.create_task(_listen(socket, heard)))
        return self._connections[number]

    async def _close(self, number: int) -> None:
        socket, _, task = self._connections.pop(number)
        await socket.close()
        await task


async def _listen(socket: ClientConnection, heard: Heard) -> None:
    """Ends when the connection does."""
    try:
        async for text in socket:
            message: Any = json.loads(text)
            heard.add(message)
    except ConnectionClosed:
        pass
    heard.end(f"the gateway closed the connection ({socket.close_code} {socket.close_reason or ''})".replace(" )", ")"))
