"""Judges the gateway's answer to a message: compares it with the oracle's verdict on the message.

Invariant: the text of every fault names the rule of the protocol that the gateway broke.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.checks.client import CONTRACT_CODES, Awaited, Exchange, same_ref
from tidegate.checks.oracle import Fault, Oracle, Verdict
from tidegate.checks.resulting_rows import Ask

Message = dict[str, Any]
UNEXPECTED_CODES = {"internal", "unavailable", "rate_limited"}
"""Codes that no message should cause: the check has its own database and sets no rate limit."""
LONGEST_POINTER = 1024
REMEMBERED = 200
"""The number of latest messages for which late answers are still accepted."""


class Judge:
    """Compares answers with the contract. `handlers`: the gateway has handlers for the application's messages."""

    def __init__(self, oracle: Oracle, handlers: bool) -> None:
        self._oracle = oracle
        self._handlers = handlers
        self._late = 0
        """Number of accepted messages without `ref`; an error for each of them may still come."""
        self._late_refs: deque[Any] = deque(maxlen=REMEMBERED)
        """The refs of accepted messages that are not acknowledged; an error for each of them may still come."""
        self._overtaken: deque[Any] = deque(maxlen=REMEMBERED)
        """The refs of replies that may still come, because such a late error was taken for the answer."""

    def faults(self, payload: bytes, exchange: Exchange, ask: Ask) -> tuple[Verdict, list[str]]:
        """The verdict on a message, and the faults in the gateway's answer to it."""
        verdict = self._oracle.verdict(payload)
        if verdict.accepted and exchange.reply is not None and exchange.reply.get("code") == "invalid_data":
            return verdict, list(self._faults_of_row_refusal(verdict, exchange, ask))
        return verdict, list(self._faults(payload, verdict, exchange))

    def awaited(self, payload: bytes) -> bytes:
        """The message, with a `ref` if its answer has to be awaited.

        The database decides whether a row is refused. Without a `ref` that refusal could look like one of a later
        message.
        """
        verdict = self._oracle.verdict(payload)
        message = verdict.message or {}
        if not verdict.accepted or "ref" in message or self._oracle.rules_of(message) is None:
            return payload
        return json.dumps({**message, "ref": "awaited"}).encode()

    def awaited_answer(self, payload: bytes) -> Awaited:
        """The answer that the gateway owes to a message."""
        awaited = self._oracle.awaited(payload)
        late = _has(self._late_refs, awaited.ref) and not self._oracle.verdict(payload).accepted
        return awaited._replace(refusal=awaited.refusal or late)

    def _faults_of_row_refusal(self, verdict: Verdict, exchange: Exchange, ask: Ask) -> Iterator[str]:
        """The faults of the refusal of a valid message: only the row that it results in can justify the refusal."""
        message, reply = verdict.message or {}, exchange.reply or {}
        rules = self._oracle.rules_of(message)
        if rules is None or rules.is_certain(message):
            resulting = tuple(self._oracle.resulting_faults(message, ask))
            verdict = Verdict(resulting, message)
        else:
            verdict = Verdict((Fault("invalid_data", reply.get("pointer", ""), None),), message)
        for received in exchange.received:
            for fault in self._oracle.server_faults(received):
                yield f"{received.get('type')!r} does not match its schema: {fault}"
        yield from self._strays(exchange)
        yield from self.refusal_faults(verdict, reply)

    def _faults(self, payload: bytes, verdict: Verdict, exchange: Exchange) -> Iterator[str]:
        for message in exchange.received:
            for fault in self._oracle.server_faults(message):
                yield f"{message.get('type')!r} does not match its schema: {fault}"
        if exchange.closed is not None:
            yield f"the connection ended: {exchange.closed}"
            return
        awaited = self.awaited_answer(payload)
        if exchange.silent:
            yield f"no reply with the ref {awaited.ref!r}"
            return
        reply = exchange.reply
        if verdict.accepted and reply is None:
            self._expect_late(awaited, verdict.message or {})
        elif verdict.accepted and reply is not None and reply["type"] == "error" and _has(self._late_refs, awaited.ref):
            self._overtaken.append(awaited.ref)
        yield from self._strays(exchange)
        if exchange.reply is not None and exchange.reply["type"] == "error":
            yield from self.refusal_faults(verdict, exchange.reply)
        elif not verdict.accepted:
            yield f"accepted, but {_reason(verdict)}"
        elif awaited.ref is not None and (awaited.promised or exchange.reply is not None):
            yield from self._reply(verdict.message or {}, exchange.reply or {})

    def _expect_late(self, awaited: Awaited, message: Message) -> None:
        if self._oracle.schemas.client[message["type"]].reply is None:
            return
        if awaited.ref is None:
            self._late += 1
        else:
            self._late_refs.append(awaited.ref)

    def _is_late(self, message: Message) -> bool:
        """Whether this is the late error for a message that is not acknowledged, or the reply that it has overtaken."""
        late = self._late_refs if message["type"] == "error" else self._overtaken
        found = next((index for index, ref in enumerate(late) if same_ref(ref, message["ref"])), None)
        if found is not None:
            del late[found]
        return found is not None

    def _strays(self, exchange: Exchange) -> Iterator[str]:
        """Replies and errors that answer no message."""
        for message in exchange.received:
            if message is exchange.reply:
                continue
            if "ref" in message and not self._is_late(message):
                yield f"{message['type']!r} carries the ref {message['ref']!r}, which is unknown or already answered"
            elif message["type"] == "error":
                self._late -= "ref" not in message
                no_handler = message["code"] == "unknown_type" and not self._handlers
                is_wrong = message["code"] in UNEXPECTED_CODES or (message["code"] in CONTRACT_CODES and not no_handler)
                if self._late < 0 or is_wrong:
                    yield f"an error that answers no message: {message['code']}: {message['message']}"

    def refusal_faults(self, verdict: Verdict, error: Message) -> Iterator[str]:
        """The faults of `error`, a refusal of a message with this verdict."""
        code, pointer, keyword = error["code"], error.get("pointer", ""), error.get("keyword")
        if code not in UNEXPECTED_CODES and error["temporary"] != self._oracle.schemas.errors[code]["temporary"]:
            yield f"{code} says temporary: {error['temporary']}"
        if code in UNEXPECTED_CODES:
            yield f"the answer is {code}: {error['message']}"
        elif code not in CONTRACT_CODES:
            if not verdict.accepted:
                yield f"the answer is {code}, but {_reason(verdict)}"
        elif not (self._is_justified(verdict, code, pointer, keyword) or self._lacks_handler(verdict, code)):
            yield f"refused as {code} ({keyword} at {pointer or '/'}: {error['message']}), but {_reason(verdict)}"
        for violation in error.get("errors", ()):
            if not self._is_justified(verdict, None, violation["pointer"], violation["keyword"]):
                yield f"`errors` has {violation['keyword']} at {violation['pointer'] or '/'}, but {_reason(verdict)}"

    def _is_justified(self, verdict: Verdict, code: str | None, pointer: str, keyword: str | None) -> bool:
        """Whether a refusal, or an item of its `errors`, names a fault that the message has."""
        return any(_names(fault, code, pointer, keyword) for fault in verdict.faults) or any(
            _names(doubt, code, pointer, keyword) for doubt in self._oracle.doubts(verdict.message or {})
        )

    def _lacks_handler(self, verdict: Verdict, code: str) -> bool:
        """Whether the message has a schema of the application, and the gateway no handler for it."""
        custom = verdict.accepted and not self._oracle.schemas.client[(verdict.message or {})["type"]].protocol
        return custom and code == "unknown_type" and not self._handlers

    def _reply(self, message: Message, reply: Message) -> Iterator[str]:
        expected = self._oracle.schemas.client[message["type"]].reply
        if reply["type"] != expected:
            yield f"the reply is of type {reply['type']!r}, not {expected!r}"
        for name in ("room", "resource"):
            if name in reply and reply[name] != message.get(name):
                yield f"the reply is about the {name} {reply[name]!r}"
        if reply["type"] == "rows" and self._oracle.schemas.client[message["type"]].protocol:
            for row in reply["rows"]:
                yield from self._oracle.row_faults(message["resource"], row, message.get("fields"))
                if (rules := self._oracle.rules_of(message)) is not None and message.get("data"):
                    broken = rules.faults_of_row(row)
                    yield from (f"accepted, but the row breaks {word} at {place or '/'}" for place, word in broken)


def _has(refs: Iterable[Any], ref: Any) -> bool:
    return any(same_ref(one, ref) for one in refs)


def _names(fault: Fault, code: str | None, pointer: str, keyword: str | None) -> bool:
    """Whether a refusal names `fault`. In place of a pointer that is too long, it may have that of an ancestor."""
    if code is not None and code != fault.code:
        return False
    same = pointer == fault.pointer or (len(fault.pointer) > LONGEST_POINTER and fault.pointer.startswith(pointer))
    return same and (keyword is None or fault.keyword is None or keyword == fault.keyword)


def _reason(verdict: Verdict) -> str:
    if verdict.accepted:
        return "the schema allows it"
    faults = [f"{fault.keyword or fault.code} at {fault.pointer or '/'}" for fault in verdict.faults[:5]]
    return f"the schema says: {', '.join(faults)}{' ...' if len(verdict.faults) > 5 else ''}"
