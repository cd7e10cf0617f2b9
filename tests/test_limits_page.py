"""docs/reference/limits.md: its numbers are those of the code and of the schema files."""

from __future__ import annotations

import json
import re

from tests.support.gateway import ROOT
from tidegate import admission, application_threads, limits
from tidegate.auth import rule_calls, tokens
from tidegate.config import Settings
from tidegate.contract import hazards
from tidegate.core.budgets import costs, daily, ledger, traffic
from tidegate.core.budgets.turns import Shares
from tidegate.core.budgets.write_turns import Limits
from tidegate.core.filters import tree
from tidegate.core.rooms import ghosts, history, room
from tidegate.core.rows import condition_limits, costly_changes, feed_cursor, subscription_index
from tidegate.gateway import pace, work
from tidegate.gateway.application import crossing, events, gate, life, side
from tidegate.gateway.calls import calls, keyed, outcome, part_sender, refusals
from tidegate.gateway.http import forwarding
from tidegate.store import transactions
from tidegate.store.serving import answers, reads, retention, room_log
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS
from tidegate.store.sqlite.serving import disk_reserve
from tidegate.transport import (
    after_close,
    backlog,
    callers,
    context,
    door,
    event_stream,
    guests,
    incoming,
    outbox,
    read_side,
    turns,
    waiting_requests,
)
from tidegate.transport.context import TransportSettings

PAGE = (ROOT / "docs" / "reference" / "limits.md").read_text()
ROWS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\|$", PAGE, re.M))


def schema_type(name: str) -> dict[str, int]:
    found: dict[str, int] = json.loads((ROOT / "schema" / "types" / f"{name}.schema.json").read_text())
    return found


def expected() -> dict[str, float]:
    settings = Settings()
    return {
        "bytes in a message from a client": settings.max_message,
        "bytes in the head of a request over HTTP": incoming.MAX_HEAD,
        "seconds of a request over HTTP, from its first byte to its last": TransportSettings().message_timeout,
        "seconds without a request, of an HTTP connection": settings.http_idle,
        "bytes that a client sends ahead of the answer to its request over HTTP": incoming.AHEAD_BYTES,
        "seconds that a request of a client above its rate waits at a connection of a trusted proxy": callers.WAIT_S,
        "requests of one address that wait so": waiting_requests.MOST,
        "levels of nesting": hazards.DEPTH,
        "properties and items in all": hazards.VALUES,
        "rows or ids in one request": limits.MAX_IDS,
        "filter: levels of `and` and `or`": tree.DEPTH,
        "filter: conditions": tree.CONDITIONS,
        "filter: values": tree.VALUES,
        "values of a list in a token's claim, used by a row rule": tree.VALUES,
        "filter: conditions on the inside of texts": costs.TEXT_CONDITIONS,
        "points of conditions that each change is held against": condition_limits.OF_CONNECTION,
        "seconds that a read may wait for its turn, and then run": settings.read_timeout,
        "threads that read for clients": reads.THREADS,
        "keys in a read by key": costs.FEW,
        "changes that a client missed and that are read by themselves": costs.FEW,
        "reads that wait for the database": Shares.of(reads.THREADS).waiting,
        "reads of one user, or of the anonymous clients of one address, that wait": Shares.of(
            reads.THREADS
        ).account_waiting,
        "rooms at a time": settings.max_rooms,
        "messages that a client of a durable room missed, in the answer to `join`": room_log.MISSED,
        "subscriptions": settings.max_subscriptions,
        "bytes of the disk that are kept beside an SQLite file for deletes": disk_reserve.SIZE,
        "reads and writes under way": work.PENDING_LIMIT,
        "bytes that the client has not read": TransportSettings().max_backlog,
        "rows in the answer to `list` without `limit`": settings.max_page,
        "messages in the answer to `history`": limits.MAX_HISTORY,
        "frames a second, of any kind": settings.rate,
        "bytes a second": settings.rate_bytes,
        "frames that are handled before other clients have their turn": read_side.TURN,
        "ms of handling before other clients have their turn": turns.TURN_S * 1000,
        "ms of handling what arrives in one turn of the event loop, for all clients": turns.SLICE_S * 1000,
        "ms of writing in one turn of the event loop, for all clients": outbox.SLICE_S * 1000,
        "bytes of large answers and replays in one turn of the event loop, for all clients": pace.TURN_BYTES,
        "ms of a frame, above which it counts as several": traffic.FRAME_S * 1000,
        "bytes that a session over `/sse` may send while it is not read from": event_stream.AHEAD_BYTES,
        "bytes that a client may send on the connection of its events": event_stream.UNREAD_BYTES,
        "requests for sessions of other gateways that wait for an answer": forwarding.MOST,
        "the same, of one user": forwarding.MOST_OF_A_USER,
        "seconds until another gateway has to answer for its session": forwarding.ANSWER_S,
        "bytes that arrive after the gateway's close frame": after_close.MAX_BYTES,
        "connections": settings.max_connections,
        "connections that wait for this 503": guests.RESERVE,
        "seconds without a request after which an anonymous client is idle": door.IDLE_S,
        "connects a second": settings.address_connects,
        "connections at a time": settings.address_connections,
        "frames and bytes a second": admission.OF_ADDRESS,
        "tokens a minute that are refused": settings.token_attempts,
        "bytes of messages in the answer to `history`": history.PAGE_BYTES,
        "bytes of members in one list": room.LIST_BYTES,
        "bytes of an `info` as JSON": settings.info_bytes,
        "bytes of replayed messages that are sent at once": room.REPLAY_BYTES,
        "bytes that clients make the gateway hold": float(settings.memory.removesuffix(" %")),
        "rooms a minute that a user or a public address is the first to join": settings.address_rooms,
        "idempotency keys kept for a room": history.RECENT_KEYS,
        "members of a room for the automatic full list": room.FULL_PRESENCE_LIMIT,
        "seconds until a user whose connection broke is absent": ghosts.GRACE_S,
        "seconds until a user whose browser left the page is absent": ghosts.RELOAD_GRACE_S,
        "seconds that an anonymous identity can be taken up again": tokens.IDENTITY_TTL_S,
        "seconds that answers to writes with a `key` are kept": retention.REQUESTS_KEEP_MS / 1000,
        "bytes of an answer to a write that are kept for its `key`": answers.KEPT_BYTES,
        "bytes of kept answers, of one user in 24 hours, since the start of the gateway": answers.BYTES_A_DAY,
        "kept answers, of one user in 24 hours, since the start of the gateway": answers.NUMBER_A_DAY,
        "users whose kept answers are counted": daily.ACCOUNTS,
        "writes of one user, or of the anonymous clients of one address, that wait": Limits().account,
        "seconds that a write may wait and take": settings.write_timeout,
        "writes that wait for the database": Limits().all,
        "seconds that a write waits for a row or a lock": BUSY_TIMEOUT_MS / 1000,
        "plain handlers that run at a time": application_threads.LIMIT,
        "seconds that a handler may take": settings.handler_timeout,
        "seconds that a rule in Python may take": rule_calls.LIMIT_S,
        "bytes in the reply of a handler": outcome.REPLY_LIMIT,
        "bytes in the reply to a message with a `key`": keyed.KEPT_BYTES,
        "bytes in a message of the application that answers no request or goes to a room": side.PUSH_LIMIT,
        "what the application asks of the gateway at a time": crossing.LIMIT,
        "transactions of handlers at a time (`call.db`)": transactions.LIMIT,
        "seconds that a transaction of a handler may hold SQLite's lock": transactions.LONGEST_S,
        "seconds that `on_connect` may take": gate.CONNECT_S,
        "seconds that each function of `on_start` may take": life.START_S,
        "events that wait for `on_join` and the like": events.LIMIT,
        "events that are told at a time": events.AT_ONCE,
        "bytes in a part of an answer": outcome.PART_LIMIT,
        "bytes in the data of an own error": refusals.DATA_LIMIT,
        "streams of one connection": calls.STREAMS,
        "bytes that wait for a client, above which its streams stand still": part_sender.UNSENT_BYTES,
        "recent changes kept in memory": feed_cursor.KEPT_CHANGES,
        "bytes of recent changes kept in memory": feed_cursor.KEPT_BYTES,
    }


def test_memory_has_the_numbers_of_the_code() -> None:
    section = PAGE.split("### Memory")[1]
    assert ledger.SHARE == 8
    assert "an eighth" in section
    assert ledger.SHARE * ledger.LASTING == 32
    assert "a thirty-second" in section
    assert f"{context.UNCOUNTED_BYTES:,} bytes" in section
    assert f"{backlog.PART_BYTES:,} bytes leaves in parts" in PAGE


def test_the_numbers_are_those_of_the_code() -> None:
    numbers = {name: float(value.split(" ")[0].replace(",", "")) for name, value in ROWS.items() if value[0].isdigit()}
    numbers.pop("characters of a `ref`")  # of the schema, below
    numbers.pop("seconds without a sign of the gateway")  # of the clients
    assert numbers == expected()


def test_a_ref_has_the_length_of_the_schema() -> None:
    ref = json.dumps(schema_type("ref"))
    assert f'"maxLength": {ROWS["characters of a `ref`"]}' in ref


def test_slow_readers_have_the_limits_of_the_code() -> None:
    settings = TransportSettings()
    section = PAGE.split("### Slow readers")[1].split("\n## ")[0]
    for number in (settings.max_backlog, settings.max_backlog // 2):
        assert f"{number:,} bytes" in section
    assert f"{settings.slow_rate:,} bytes in {settings.slow_window:.0f} seconds" in section
    assert f"{settings.max_stall:.0f} seconds" in section


def test_conditions_have_the_limits_of_the_code() -> None:
    section = PAGE.split("### Conditions of subscriptions")[1].split("\n## ")[0]
    for number in (condition_limits.OF_ACCOUNT, condition_limits.OF_RESOURCE):
        assert f"{number:,}" in section
    assert f"{condition_limits.SMALL} points" in section
    assert f"{subscription_index.CROWDED} points" in section
    assert f"at most {costly_changes.CHEAP:,}" in section
    assert f"{Shares.of(reads.THREADS).account}" in ROWS["threads that read for clients"]
