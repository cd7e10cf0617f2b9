"""Gateways with one seeded fault each: the generated messages find every fault."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator

from tests.contract import rich
from tests.contract.inside_thread import gateway_in_a_thread
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks.client import CheckClient
from tidegate.checks.fuzz import Fuzzer, FuzzTally
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Oracle
from tidegate.contract import RowRules, compiled, contract, hazards, payload
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate.gateway.effects import Effects
from tidegate.gateway.sender import Sender
from tidegate.gateway.sessions import SessionHandler
from tidegate.json_pointer import pointer
from tidegate.schema import derive
from tidegate.schema.subschemas import mapped
from tidegate.store.serving import mutations as store_mutations
from tidegate.transport import text_frame

pytestmark = [pytest.mark.seeded, pytest.mark.slow]

SCHEMAS = schema.unbundle(schema.bundle(schema.load(ROOT / "schema")))
BUDGET_S = 180.0
"""A run ends with the first violation, usually within some seconds."""
Patch = pytest.MonkeyPatch
Keywords = dict[str, Any]


def changed_schemas(patch: Patch, change: Callable[[Keywords], Keywords]) -> None:
    """The gateway compiles every schema with a change."""
    start, compile_one = compiled.Compiler.__init__, compiled.Compiler.schema

    def altered(one: Keywords) -> Keywords:
        found: Keywords = mapped(one, lambda _, sub: change(sub))
        return found

    def begin(self: compiled.Compiler, definitions: dict[str, Any]) -> None:
        start(self, {key: altered(one) for key, one in definitions.items()})

    patch.setattr(compiled.Compiler, "__init__", begin)
    patch.setattr(compiled.Compiler, "schema", lambda self, one: compile_one(self, altered(one)))


def without(*keywords: str) -> Callable[[Keywords], Keywords]:
    return lambda one: {word: value for word, value in one.items() if word not in keywords}


def one_more(keyword: str) -> Callable[[Keywords], Keywords]:
    return lambda one: {**one, keyword: one[keyword] + 1} if keyword in one else one


def changed_messages(patch: Patch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The gateway sends every message with a change."""

    def frame(sender: Sender, message: msgspec.Struct | dict[str, Any]) -> bytes:
        original = msgspec.json.decode(sender._contract.encode(message))
        return text_frame(json.dumps(change(original)).encode())

    def send(self: Sender, session: Session, message: msgspec.Struct | dict[str, Any]) -> None:
        self._outbox.push(session.sink, frame(self, message))

    def push(self: Sender, sinks: Any, message: msgspec.Struct) -> None:
        self._outbox.push_many(sinks, frame(self, message))

    patch.setattr(Sender, "send", send)
    patch.setattr(Sender, "push", push)
    patch.setattr(Sender, "frame", frame)


def formats_ignored(patch: Patch) -> None:
    def build(*args: Any, **options: Any) -> Any:
        return real(*args, **{**options, "validate_formats": False})

    real = Draft202012Validator
    patch.setattr("tidegate.contract.compiled.Draft202012Validator", build)


def pointer_of_the_parent(patch: Patch) -> None:
    patch.setattr("tidegate.contract.explain.pointer", lambda path: pointer(path[:-1]))


def code_always_the_same(patch: Patch) -> None:
    patch.setattr(contract, "code_at", lambda place: "invalid_message")


def an_error_closes_the_connection(patch: Patch) -> None:
    def received(self: SessionHandler, connection: Any, payload: bytes) -> None:
        real(self, connection, payload)
        try:
            self._decode(payload)
        except Refused:
            connection.close(1011, "bad message")

    real = SessionHandler.received
    patch.setattr(SessionHandler, "received", received)


def crash_on_a_type_that_is_not_a_string(patch: Patch) -> None:
    def kind_of(self: contract.Contract, message: dict[str, Any]) -> Any:
        return self._kinds.get(message.get("type")) or real(self, message)  # type: ignore[arg-type]

    real = contract.Contract._kind_of
    patch.setattr(contract.Contract, "_kind_of", kind_of)


def part_not_checked(patch: Patch, name: str) -> None:
    def row_contract(*args: Any) -> payload.RowContract:
        found = real(*args)
        found.parts.pop(name)
        return found

    real = payload._row_contract
    patch.setattr(payload, "_row_contract", row_contract)


def room_messages_not_checked(patch: Patch) -> None:
    patch.setattr(payload.Payloads, "_message_data", payload.Payloads._in_room)


def read_only_can_be_updated(patch: Patch) -> None:
    def update_schema(resource: Any) -> dict[str, Any]:
        found = real(resource)
        written = {name: prop.schema for name, prop in resource.properties.items() if prop.read_only}
        return {**found, "properties": {**written, **found["properties"]}}

    real = derive.update_schema
    patch.setattr("tidegate.contract.payload.derive.update_schema", update_schema)


def hazards_not_looked_for(patch: Patch) -> None:
    patch.setattr(hazards, "_search", lambda *_: None)


def integers_must_have_no_fraction(patch: Patch) -> None:
    """The gateway uses a typed decoder in place of the schema, which refuses 1.0 as an integer."""

    def fits(self: contract.Contract, payload: bytes) -> msgspec.Struct:
        request = real(self, payload)
        message = msgspec.json.decode(payload)
        if any(type(value) is float for value in message.values()):
            ref = hazards.readable_ref(message)
            raise Refused("invalid_message", "Expected `int`, got `float`", pointer="/limit").answering(ref)
        return request

    real = contract.Contract.decode
    patch.setattr(contract.Contract, "decode", fits)


def bad_rows_reach_the_store(patch: Patch) -> None:
    patch.setattr(payload.Payloads, "_created", lambda self, message: ())


def whole_rows_not_judged(patch: Patch) -> None:
    patch.setattr(RowRules, "violations", lambda self, row, sent, at: [])


def only_new_rows_judged(patch: Patch) -> None:
    def update(self: Any, number: int) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(type(self), "_check_rules", lambda *_: None)
            return real(self, number)

    real = store_mutations._Work.update
    patch.setattr(store_mutations._Work, "update", update)


def only_what_the_client_sent_judged(patch: Patch) -> None:
    def judged(self: RowRules, row: dict[str, Any], sent: Collection[str], at: str) -> Any:
        return real(self, {name: value for name, value in row.items() if name in sent}, sent, at)

    real = RowRules.violations
    patch.setattr(RowRules, "violations", judged)


def whole_rows_refused_elsewhere(patch: Patch) -> None:
    real = RowRules.violations
    patch.setattr(RowRules, "violations", lambda self, row, sent, at: real(self, row, {}, at))


def a_reply_twice(patch: Patch) -> None:
    def reply(self: Effects, effect: Any) -> None:
        real(self, effect)
        real(self, effect)

    real = Effects._reply
    patch.setattr(Effects, "_reply", reply)


def without_ref(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "ref" or message["type"] != kind}


def with_password(message: dict[str, Any]) -> dict[str, Any]:
    if message["type"] != "rows":
        return message
    return {**message, "rows": [{**row, "password": "secret-secret"} for row in message["rows"]]}


def of_type(old: str, new: str, message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "type": new} if message["type"] == old else message


def time_as_text(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "time": str(message["time"])} if message["type"] == "pong" else message


def always_temporary(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "temporary": True} if message["type"] == "error" else message


def another_room(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "room": "elsewhere"} if message["type"] in {"joined", "left"} else message


PASSED = "^(accepted, but|the answer is|the connection ended)"
"""The gateway let a message pass that the schema refuses."""
FAULTS: dict[str, tuple[Callable[[Patch], None], tuple[str, ...], str]] = {
    "unexpected properties pass": (
        partial(changed_schemas, change=without("additionalProperties")),
        ("/ping", "/update/users"),
        PASSED,
    ),
    "required properties may be missing": (partial(changed_schemas, change=without("required")), ("/leave",), PASSED),
    "maxLength is one too many": (
        partial(changed_schemas, change=one_more("maxLength")),
        ("/authenticate",),
        PASSED,
    ),
    "minLength is one too many": (partial(changed_schemas, change=one_more("minLength")), ("/join",), "minLength at /"),
    "maximum is one too many": (partial(changed_schemas, change=one_more("maximum")), ("/history",), PASSED),
    "equal items pass": (partial(changed_schemas, change=without("uniqueItems")), ("/create/tasks",), PASSED),
    "enum is ignored": (partial(changed_schemas, change=without("enum")), ("/presence",), PASSED),
    "formats are ignored": (formats_ignored, ("/create/users", "/update/tasks"), "format"),
    "the pointer is the parent's": (pointer_of_the_parent, ("/join",), "refused as"),
    "the code is the same for a message and its data": (code_always_the_same, ("/message/Chat",), "invalid_message"),
    "an error closes the connection": (an_error_closes_the_connection, ("/leave",), "connection ended"),
    "a type that is not a string crashes": (crash_on_a_type_that_is_not_a_string, ("/ping",), "connection ended"),
    "room messages are not checked": (room_messages_not_checked, ("/message/Cursor",), PASSED),
    "filters are not checked": (partial(part_not_checked, name="filters"), ("/list/users",), PASSED),
    "fields are not checked": (partial(part_not_checked, name="fields"), ("/get/users",), PASSED),
    "keys are not checked": (partial(part_not_checked, name="id"), ("/get/users",), "type at /id"),
    "readOnly can be updated": (read_only_can_be_updated, ("/update/users",), "additionalProperties at /data/"),
    "rows are not checked": (bad_rows_reach_the_store, ("/create/tasks",), PASSED),
    "NUL and large numbers pass": (hazards_not_looked_for, ("/message/Any",), PASSED),
    "1.0 is refused as an integer": (integers_must_have_no_fraction, ("/history",), "allows it"),
    "a reply comes twice": (a_reply_twice, ("/ping",), "already answered"),
    "a reply lacks its ref": (partial(changed_messages, change=partial(without_ref, "left")), ("/leave",), "no reply"),
    "an error lacks its ref": (
        partial(changed_messages, change=partial(without_ref, "error")),
        ("/leave",),
        "no reply",
    ),
    "a reply has another type": (
        partial(changed_messages, change=partial(of_type, "left", "joined")),
        ("/leave",),
        "type 'joined'",
    ),
    "a reply is about another room": (partial(changed_messages, change=another_room), ("/join",), "elsewhere"),
    "a time is text": (
        partial(changed_messages, change=time_as_text),
        ("/ping",),
        "'pong' does not match its schema: /time",
    ),
    "writeOnly is sent": (partial(changed_messages, change=with_password), ("/create/users",), "'password'"),
    "every error says it is temporary": (partial(changed_messages, change=always_temporary), ("/ping",), "temporary"),
}
"""By description: the function that seeds the fault, the operations to try, and a part of the fault's text."""


ROW_FAULTS: dict[str, tuple[Callable[[Patch], None], tuple[str, ...], str]] = {
    "whole rows are not judged": (whole_rows_not_judged, ("/create/shifts", "/update/shifts"), "but the row breaks"),
    "only new rows are judged": (only_new_rows_judged, ("/create/shifts", "/update/shifts"), "but the row breaks"),
    "only what a client sent is judged": (
        only_what_the_client_sent_judged,
        ("/create/shifts", "/update/shifts"),
        "refused as|but the row breaks",
    ),
    "a refused row is pointed at in another place": (whole_rows_refused_elsewhere, ("/create/shifts",), "refused as"),
}
"""The same, for rules of whole rows, which the sample application does not have."""
COSTLY = {"only new rows are judged", "only what a client sent is judged"}
"""Of `ROW_FAULTS`: found after a thousand messages. Only `make contract` (CONTRACT_FAULTS=all) looks for them."""
EVERY = os.environ.get("CONTRACT_FAULTS") == "all"
QUICK_ROW_FAULTS = [name for name in ROW_FAULTS if name not in COSTLY or EVERY]
QUICK_FAULTS = list(FAULTS)[:: 1 if EVERY else 2]
"""`make test` looks for every second fault."""


def found_by_messages(
    folder: Path, only: tuple[str, ...], of: Path = ROOT / "schema", deadline: float = 10.0
) -> FuzzTally:
    schemas = schema.unbundle(schema.bundle(schema.load(of)))
    with gateway_in_a_thread(folder, of) as address, CheckClient(address.url, address.token, deadline) as client:
        judge = Judge(Oracle(schemas), handlers=False)
        return Fuzzer(schemas, client, judge, only=only, shrinking=0.0).run(BUDGET_S)


@pytest.mark.parametrize("fault", QUICK_ROW_FAULTS)
def test_a_seeded_fault_in_the_rules_of_rows_is_found(fault: str, tmp_path: Path, monkeypatch: Patch) -> None:
    seed, only, pattern = ROW_FAULTS[fault]
    seed(monkeypatch)
    tally = found_by_messages(tmp_path, only, rich.write(tmp_path / "rich"))
    assert tally.violations, f"not found in {tally.cases} cases"
    assert any(re.search(pattern, text) for text in tally.violations[0].faults), tally.violations[0]


@pytest.mark.parametrize("fault", QUICK_FAULTS)
def test_a_seeded_fault_is_found(fault: str, tmp_path: Path, monkeypatch: Patch) -> None:
    seed, only, pattern = FAULTS[fault]
    seed(monkeypatch)
    # Of a missing reply, the deadline is all that there is to see.
    tally = found_by_messages(tmp_path, only, deadline=1.0 if pattern == "no reply" else 10.0)
    assert tally.violations, f"not found in {tally.cases} cases"
    assert any(re.search(pattern, text) for text in tally.violations[0].faults), tally.violations[0]


def test_without_a_fault_the_same_messages_find_nothing(tmp_path: Path) -> None:
    with gateway_in_a_thread(tmp_path) as address, CheckClient(address.url, address.token, 10.0) as client:
        judge = Judge(Oracle(SCHEMAS), handlers=False)
        fuzzer = Fuzzer(SCHEMAS, client, judge, only=("/ping", "/leave", "/list/users"))
        while not fuzzer.tally.violations and min(fuzzer.tally.accepted, fuzzer.tally.refused) <= 10:
            fuzzer.run(1.0)
    assert fuzzer.tally.violations == []
