"""Was it right what the gateway did with a message? The oracle's verdict against what was heard.

Invariant: every fault is said in words that name the rule of docs/reference/protocol.md that was broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.checks.client import OF_THE_CONTRACT, Exchange, ref_of
from tidegate.checks.oracle import Fault, Oracle, Verdict

Message = dict[str, Any]
NEVER = {"internal", "unavailable", "rate_limited"}
"""Codes that no message alone should lead to, on a database of its own and without a limit of rate."""
LONGEST_POINTER = 1024


class Judge:
    """Knows the contract, and who it may be that is asked."""

    def __init__(self, oracle: Oracle, handlers: bool) -> None:
        self._oracle = oracle
        self._handlers = handlers
        self._late = 0
        """Accepted messages without `ref` that may still be answered by an error."""

    def faults(self, payload: bytes, exchange: Exchange) -> tuple[Verdict, list[str]]:
        """The verdict on a message, and what was wrong in the gateway's answer to it."""
        verdict = self._oracle.verdict(payload)
        return verdict, list(self._faults(payload, verdict, exchange))

    def _faults(self, payload: bytes, verdict: Verdict, exchange: Exchange) -> Iterator[str]:
        for message in exchange.heard:
            yield from (f"{message.get('type')!r} does not fit its schema: {told}" for told in self._sent(message))
        if exchange.closed is not None:
            yield f"the connection ended: {exchange.closed}"
            return
        ref = ref_of(payload)
        if exchange.silent:
            yield f"no reply with the ref {ref!r}"
            return
        if verdict.accepted and ref is None and exchange.reply is None:
            self._late += 1
        yield from self._strays(exchange)
        if exchange.reply is not None and exchange.reply["type"] == "error":
            yield from self.refusal_faults(verdict, exchange.reply)
        elif not verdict.accepted:
            yield f"accepted, but {_said(verdict)}"
        elif ref is not None:
            yield from self._reply(verdict.message or {}, exchange.reply or {})

    def _sent(self, message: Message) -> list[str]:
        return self._oracle.server_faults(message)

    def _strays(self, exchange: Exchange) -> Iterator[str]:
        """Replies and errors beyond the one."""
        for message in exchange.heard:
            if message is exchange.reply:
                continue
            if "ref" in message:
                yield f"{message['type']!r} carries the ref {message['ref']!r}: nobody's, or answered already"
            elif message["type"] == "error":
                self._late -= 1
                own = message["code"] == "unknown_type" and not self._handlers
                if self._late < 0 or message["code"] in NEVER or (message["code"] in OF_THE_CONTRACT and not own):
                    yield f"an error of its own, without ref: {message['code']}: {message['message']}"

    def refusal_faults(self, verdict: Verdict, error: Message) -> Iterator[str]:
        """What is wrong with the refusal `error` of a message of this verdict."""
        code, pointer, keyword = error["code"], error.get("pointer", ""), error.get("keyword")
        if error["temporary"] != self._oracle.schemas.errors[code]["temporary"]:
            yield f"{code} says temporary: {error['temporary']}"
        if code in NEVER:
            yield f"the answer is {code}: {error['message']}"
        elif code not in OF_THE_CONTRACT:
            if not verdict.accepted:
                yield f"the answer is {code}, but {_said(verdict)}"
        elif not (self._tells(verdict, code, pointer, keyword) or self._nobody_answers(verdict, code)):
            yield f"refused as {code} ({keyword} at {pointer or '/'}: {error['message']}), but {_said(verdict)}"
        for told in error.get("errors", ()):
            if not self._tells(verdict, None, told["pointer"], told["keyword"]):
                yield f"`errors` tells {told['keyword']} at {told['pointer'] or '/'}, but {_said(verdict)}"

    def _tells(self, verdict: Verdict, code: str | None, pointer: str, keyword: str | None) -> bool:
        """Whether a refusal, or one of its `errors`, is of something that is wrong."""
        return any(_fits(fault, code, pointer, keyword) for fault in verdict.faults) or any(
            _fits(doubt, code, pointer, keyword) for doubt in self._oracle.doubts(verdict.message or {})
        )

    def _nobody_answers(self, verdict: Verdict, code: str) -> bool:
        """There is a schema for the message, and no handler."""
        own = verdict.accepted and not self._oracle.schemas.client[(verdict.message or {})["type"]].protocol
        return own and code == "unknown_type" and not self._handlers

    def _reply(self, message: Message, reply: Message) -> Iterator[str]:
        expected = self._oracle.schemas.client[message["type"]].schema.get("x-reply")
        if reply["type"] != expected:
            yield f"the reply is of type {reply['type']!r}, not {expected!r}"
        for name in ("room", "resource"):
            if name in reply and reply[name] != message.get(name):
                yield f"the reply is about the {name} {reply[name]!r}"
        if reply["type"] == "rows" and self._oracle.schemas.client[message["type"]].protocol:
            for row in reply["rows"]:
                yield from self._oracle.row_faults(message["resource"], row, message.get("fields"))


def _fits(fault: Fault, code: str | None, pointer: str, keyword: str | None) -> bool:
    """Whether a refusal tells of `fault`. A pointer that would be too long is that of an ancestor."""
    if code is not None and code != fault.code:
        return False
    same = pointer == fault.pointer or (len(fault.pointer) > LONGEST_POINTER and fault.pointer.startswith(pointer))
    return same and (keyword is None or fault.keyword is None or keyword == fault.keyword)


def _said(verdict: Verdict) -> str:
    if verdict.accepted:
        return "the schema allows it"
    told = [f"{fault.keyword or fault.code} at {fault.pointer or '/'}" for fault in verdict.faults[:5]]
    return f"the schema says: {', '.join(told)}{' ...' if len(verdict.faults) > 5 else ''}"
