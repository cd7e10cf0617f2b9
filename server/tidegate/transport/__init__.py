"""Sockets, HTTP and WebSocket frames: the public face of the transport.

It is the only part of the server that imports websockets. It imports no other part of Tidegate but `counted`, for its
log lines, and knows no message of the protocol: bytes of whole messages go in and out.
"""

from __future__ import annotations

from tidegate.transport.api import ApiHandler, Exchange
from tidegate.transport.backlog import Droppable
from tidegate.transport.close_codes import CloseReason
from tidegate.transport.connection import Connection
from tidegate.transport.context import ConnectionContext, Memory, TransportSettings, Waiting
from tidegate.transport.counts import Counts, Tally, Tap
from tidegate.transport.door import Door
from tidegate.transport.event_stream import Delivered, EventStream
from tidegate.transport.frames import payload_start, text_frame
from tidegate.transport.handler import ConnectionHandler
from tidegate.transport.http import JSON_HEADERS, Answer, Request, Response, Routes
from tidegate.transport.http_head import Head
from tidegate.transport.listener import Listener
from tidegate.transport.outbox import Outbox, Sink
from tidegate.transport.pausing import BY_ADMISSION
from tidegate.transport.peers import Peer, Peers
from tidegate.transport.tickers import Tickers
from tidegate.transport.write_side import WriteSide

__all__ = [
    "BY_ADMISSION", "JSON_HEADERS",
    "Answer", "ApiHandler", "CloseReason", "Connection", "ConnectionContext", "ConnectionHandler", "Counts",
    "Delivered", "Door", "Droppable", "EventStream", "Exchange", "Head", "Listener", "Memory", "Outbox", "Peer",
    "Peers", "Request", "Response", "Routes", "Sink", "Tally", "Tap", "Tickers", "TransportSettings", "Waiting",
    "WriteSide", "payload_start", "text_frame",
]  # fmt: skip
