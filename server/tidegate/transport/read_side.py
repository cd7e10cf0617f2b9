"""The reading half of an open connection: from bytes to whole messages.

Complete, masked, unfragmented text frames are cut here, without objects; every other frame goes whole to the websockets
library, which answers it as RFC 6455 demands. What is handled in one turn is limited in frames and in time, so that no
client delays the others; it knows no deadline and no meaning of a message.
Invariant: messages are passed on in the order in which they arrived, and none while reading is paused or after the
connection has left OPEN.
"""

from __future__ import annotations

from collections.abc import Callable

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tidegate.transport.after_close import AfterClose
from tidegate.transport.frames import MASKED, TEXT, apply_mask, frame_size, lone_text
from tidegate.transport.pausing import BY_RATE, BY_TURN
from tidegate.transport.receiver import ENDED_RECEIVER, MessageReceiver
from tidegate.transport.state import OPEN
from tidegate.transport.traffic import LONG_S, UNLIMITED, Traffic
from tidegate.transport.turns import SMALL_BYTES, TURN_S
from tidegate.transport.unfinished import Unfinished, counted
from tidegate.transport.write_side import WriteSide

TURN = 64
"""Frames in a turn of one connection; the rest is for a later one."""
COSTLY = 2
"""What a frame counts for that the library reads. It takes about twice as long as an empty text frame."""
SIZE_OF_ONE = 9
"""A payload counts for one more with each 512 (2**9) bytes."""


class ReadSide:
    """`max_size`: bytes of a message, at most. `clock`: that of the `now` which the methods are given."""

    __slots__ = (
        "_after_close", "_buffer", "_clock", "_fragments", "_max_size", "_receiver", "_tally",
        "_unfinished", "_unfinished_since", "_write_side", "_ws", "traffic",
    )  # fmt: skip

    def __init__(
        self,
        max_size: int,
        ws: ServerProtocol,
        write_side: WriteSide,
        receiver: MessageReceiver,
        clock: Callable[[], float],
    ) -> None:
        self.traffic: Traffic = UNLIMITED
        """What the client may send."""
        self._max_size = max_size
        self._ws = ws
        self._write_side = write_side
        self._tally = write_side.tally
        self._receiver: MessageReceiver = receiver
        self._clock = clock
        self._buffer = bytearray()
        """What has arrived and is not handled: part of a frame, or, while reading is paused, whole frames."""
        self._fragments: bytearray | None = None
        """The opcode of a fragmented message, and its payload as far as it has arrived."""
        self._unfinished_since: float | None = None
        self._after_close: AfterClose | None = None
        """Made where more arrives after this side sent its close frame."""
        self._unfinished: Unfinished | None = None
        """Made where there was enough to count, which most clients never send."""

    def take_lone(self, buffer: bytearray, size: int, now: float) -> bool:
        """Handle the first `size` bytes of `buffer`, if they are one small text frame that nothing is in the way of.

        Most segments are that. Without copies, buffers and the loop of `_cut` they cost half as much; every other one
        is left to `received`, and False is returned. (What stays unfinished is counted and timed there alone.)
        """
        traffic, write_side = self.traffic, self._write_side
        if (
            size > SMALL_BYTES
            or self._buffer
            or write_side.paused_by
            or write_side.state is not OPEN
            or self._fragments is not None
            or size > self._max_size
            or (traffic.bytes < size and (not traffic.more_bytes(now) or traffic.bytes < size))
            or (payload := lone_text(buffer, size)) is None
            or not (traffic.frames or traffic.more_frames(now))
        ):
            return False
        traffic.bytes -= size
        traffic.frames -= 1
        tally = self._tally
        tally.bytes_in += size
        tally.frames_in += 1
        self._receiver.text(payload)
        tally.seconds += (took := self._clock() - now)
        if took > LONG_S:
            traffic.took(took, 1 + (len(payload) >> SIZE_OF_ONE), now)
            self._receiver.took(took)
        return True

    def received(self, data: bytes, now: float) -> None:
        """Handle `data`, which arrived just now, and what is left of earlier data."""
        traffic = self.traffic
        traffic.bytes -= len(data)
        self._tally.bytes_in += len(data)
        if traffic.bytes < 0:
            self._pay(now)
        taken = 0
        if self._buffer:
            self._buffer += data
            taken = self._cut(self._buffer, now)
            del self._buffer[:taken]
        else:
            taken = self._cut(data, now)
            if taken == len(data) and self._fragments is None:
                self._unfinished_since = None
                if self._unfinished is not None:
                    self._count()
                return
            self._buffer += data[taken:]
        if self._buffer and self._write_side.state is not OPEN:
            if self._after_close is None:
                self._after_close = AfterClose(self._max_size, self._write_side)
            self._after_close.take(self._buffer, self._hand_over)
        if self._fragments is None and (taken or not self._buffer):
            self._unfinished_since = None
        if self._unfinished_since is None and (self._buffer or self._fragments is not None):
            self._unfinished_since = now
        self._count()

    def _count(self) -> None:
        """Tell how much is here that is not handled: of an unfinished message, or of messages that wait for their turn.
        While reading is paused for another reason, they wait for the client: they are not counted.
        """
        if not self._write_side.paused_by & ~BY_TURN or (self._unfinished is not None and self._unfinished.counted):
            self._hold(len(self._buffer) + (0 if self._fragments is None else len(self._fragments)))

    def _hold(self, size: int) -> None:
        """`size` bytes are here that count as memory."""
        self._unfinished = counted(self._unfinished, size, self._write_side, self._drop)

    @property
    def waiting(self) -> int:
        """Bytes that have arrived and are not handled."""
        return len(self._buffer)

    def large(self, size: int) -> bool:
        """Whether much is to be handled once `size` bytes more have arrived: only the end of a message may be small."""
        return size + len(self._buffer) > SMALL_BYTES

    def keep(self, data: bytes, now: float) -> None:
        """Keep `data`, which arrived just now, for a later turn."""
        self.traffic.bytes -= len(data)
        self._tally.bytes_in += len(data)
        self._pay(now)
        self._buffer += data
        self._count()
        if self._unfinished_since is None:
            self._unfinished_since = now
        if not self._write_side.paused_by:
            self._wait_for_turn()

    def _pay(self, now: float) -> None:
        """Take bytes in hand where some are owed."""
        if self.traffic.bytes < 0 and not self.traffic.more_bytes(now):
            self._write_side.pause_reading(BY_RATE)

    def resumed(self, now: float) -> None:
        """Reading goes on. The time of the pause does not count against an unfinished message."""
        if self._unfinished_since is not None:
            self._unfinished_since = now
        if self._buffer:
            self._wait_for_turn()

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`, which is no fault of the client."""
        if self._unfinished_since is not None:
            self._unfinished_since = min(self._unfinished_since + seconds, now)
        self.traffic.stood_still(seconds, now)

    def go_on(self, now: float) -> bool:
        """Handle a turn of what is left of earlier data. Returns whether there was a whole frame."""
        left = len(self._buffer)
        if not left:
            return False
        self.received(b"", now)
        if not self._buffer and not self._write_side.paused_by:
            self.traffic.caught_up()
        return len(self._buffer) < left

    def ended(self) -> None:
        """The TCP connection has ended: keep nothing of what arrived, nor the receiver."""
        self._drop()
        if self._unfinished is not None:
            self._unfinished.ended()
        self._receiver = ENDED_RECEIVER

    def _drop(self) -> None:
        """Keep nothing of what arrived. A message that is handled at the moment is not disturbed."""
        self._buffer = bytearray()
        self._fragments = None
        self._hold(0)

    def _wait_for_turn(self) -> None:
        self._write_side.pause_reading(BY_TURN)
        self._receiver.wait_for_turn()

    def unfinished_for(self, now: float) -> float:
        """Seconds since the first byte of a message that is not complete."""
        return 0.0 if self._unfinished_since is None else now - self._unfinished_since

    def _cut(self, data: bytes | bytearray, now: float) -> int:
        """Handle a turn of the whole frames at the start of `data`; returns how many bytes they took."""
        at, end, turn, frames = 0, len(data), TURN, 0
        write_side, traffic, clock = self._write_side, self.traffic, self._clock
        while at < end and write_side.state is OPEN and not write_side.paused_by:
            size = frame_size(data, at)
            if size is None:
                break
            head, payload = size
            first, second = data[at], data[at + 1]
            if not second & MASKED or payload > self._max_size:
                # The header alone is enough for the library to fail the connection.
                self._hand_over(bytes(data[at:]))
                at = end
                break
            stop = at + head + payload
            if stop > end or (turn < TURN and write_side.finished):
                break
            if turn < TURN and (turn <= 0 or clock() - now > TURN_S):
                self._wait_for_turn()
                break
            if not traffic.frames and not traffic.more_frames(now):
                write_side.pause_reading(BY_RATE)
                break
            traffic.frames -= 1
            frames += 1
            turn -= 1 + (payload >> SIZE_OF_ONE)
            if first == TEXT and self._fragments is None:
                mask = at + head - 4
                self._receiver.text(apply_mask(data[mask + 4 : stop], data[mask : mask + 4]))
            else:
                turn -= COSTLY - 1
                self._hand_over(bytes(data[at:stop]))
            at = stop
        took = clock() - now
        self._tally.frames_in += frames
        self._tally.seconds += took
        if took > LONG_S:
            traffic.took(took, TURN - turn, now)
            self._receiver.took(took)
        return at

    def _hand_over(self, data: bytes) -> None:
        """Give whole frames, or an unacceptable header, to the library, and do what follows from them."""
        write_side = self._write_side
        if write_side.finished:
            return
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Frame) and write_side.state is OPEN:
                self._accept(event)
        write_side.write_out()

    def _accept(self, frame: Frame) -> None:
        """Put fragments together, and pass whole messages on. The library keeps its last frame: without the payload."""
        payload, frame.data = frame.data, b""
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._receiver.binary()
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._fragments = bytearray((frame.opcode,)) + payload
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += payload
            if frame.fin:
                fragments, self._fragments = self._fragments, None
                self._unfinished_since = None
                if fragments[0] == Opcode.TEXT:
                    self._receiver.text(bytes(fragments[1:]))
                else:
                    self._receiver.binary()
