"""`tidegate check contract` on the schema files and the handlers of an application."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.forked_checks import forked_checks
from tests.support.gateway import clean_environment, tidegate
from tidegate import schema
from tidegate.checks import contract_check, gateway_process, schemathesis_run
from tidegate.checks.bridge import Bridge
from tidegate.checks.document import operations
from tidegate.checks.fuzz import Fuzzer, FuzzTally, existing_keys
from tidegate.checks.gateway_process import Identity, unset_claims
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Oracle
from tidegate.checks.schemathesis_run import SchemathesisTally
from tidegate.cli import main

__all__ = ["forked_checks"]

pytestmark = pytest.mark.usefixtures("forked_checks")

BUY: dict[str, Any] = {
    "title": "BuyRequest",
    "type": "object",
    "x-reply": "bought",
    "x-access": {"send": "role:buyer"},
    "properties": {
        "type": {"const": "buy"},
        "ref": {"type": ["integer", "string"], "maxLength": 64, "minLength": 1},
        "amount": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["type", "amount"],
    "additionalProperties": False,
}
BOUGHT = {
    "title": "Bought",
    "type": "object",
    "properties": {
        "type": {"const": "bought"},
        "ref": {"type": ["integer", "string"]},
        "left": {"type": "integer", "minimum": 0},
    },
    "required": ["type", "left"],
    "additionalProperties": False,
}
BUDGET = "0.5"
SHOP = """\
from tidegate.handlers import Gateway

gateway = Gateway()


@gateway.on("buy")
def buy(request: dict) -> dict:
    return {"left": ANSWER}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one custom message."""
    for name, content in {"client/buy": BUY, "server/bought": BOUGHT}.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    return tmp_path


class Done(NamedTuple):
    """How a check ended."""

    code: int
    out: str
    err: str


Check = Callable[..., Done]


@pytest.fixture
def check(shop: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command in this process, which has imported Schemathesis already. The gateway is another process."""
    monkeypatch.chdir(shop)
    monkeypatch.setenv("PYTHONPATH", str(shop))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its handlers

    def run(*options: str) -> Done:
        code = main(["check", "contract", "--budget", BUDGET, "--seed", "7", *options])
        return Done(code, *capfd.readouterr())

    return run


@pytest.mark.process
def test_handlers_that_keep_the_contract_pass(shop: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands that the check starts are new Pythons here, as for users."""
    monkeypatch.setattr(gateway_process, "subprocess", subprocess)
    (shop / "shop.py").write_text(SHOP.replace("ANSWER", "9 - int(request['amount'])"))
    done = check("--handlers", "shop:gateway")
    assert done.code == 0, done.out
    assert re.search(r"^cases: \d+, connections: 1, violations: 0$", done.out, re.MULTILINE)
    assert re.search(r"\d+ bought", done.out)
    assert "coverage: " in done.err


@pytest.mark.process
def test_the_report_shows_the_smallest_message_for_a_broken_handler(shop: Path, check: Check) -> None:
    (shop / "shop.py").write_text(SHOP.replace("ANSWER", "0 - int(request['amount'])"))
    done = check("--handlers", "shop:gateway")
    assert done.code == 1, done
    found = re.search(r"^VIOLATION\n  > (.*)\n  (.*)$", done.out, re.MULTILINE)
    assert found is not None, done.out
    message: dict[str, Any] = json.loads(found[1])
    assert message.keys() == {"type", "ref", "amount"}
    assert message["amount"] == 1
    assert found[2].startswith("the answer is internal"), "the gateway does not send what the schema forbids"
    assert "violations: 1" in done.out
    assert f"repeat: tidegate check contract --schema schema --seed 7 --budget {BUDGET}" in done.out


NOTES = """\
from tidegate.core.errors import Refused
from tidegate.handlers import Gateway

gateway = Gateway()


@gateway.on("buy")
def buy(request: dict) -> dict:
    return {"left": 1}


@gateway.on("note")
async def note(request: dict) -> None:
    if request.get("amount") == 9:
        raise Refused("conflict", "no more notes")
"""


@pytest.mark.long
def test_own_messages_may_have_any_ref_and_need_no_reply(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anyone: dict[str, Any] = {
        "x-access": {"send": "anyone"},
        "properties": {**BUY["properties"], "ref": {"type": ["integer", "string"]}},
    }
    note = {**BUY, **anyone, "title": "Note", "properties": {**anyone["properties"], "type": {"const": "note"}}}
    del note["x-reply"]
    note["properties"]["tags"] = {"type": "object", "patternProperties": {"^\\p{Script=Greek}$": {}}}
    note["properties"]["tags"]["additionalProperties"] = False
    for name, content in {"buy": {**BUY, **anyone}, "note": note}.items():
        (shop / "schema" / "client" / f"{name}.schema.json").write_text(json.dumps(content))
    (shop / "notes.py").write_text(NOTES)
    monkeypatch.chdir(shop)
    schemas = schema.load(shop / "schema")
    target = contract_check.Target(shop / "schema", schemas, "notes:gateway")
    refs = ['""', "0", "-0.0", "-23328.0", "1e3", "7", '"7"', f'"{"r" * 65}"', "null", "true", "0.5", '"\\u0000"']
    told: list[str] = []
    with contract_check.client(target) as client:
        fuzzer = Fuzzer(schemas, client, Judge(Oracle(schemas), handlers=True), only=("/note",))
        with every_case() as case:
            for kind in ("buy", "note"):
                for ref in refs:
                    # The gateway repeats a ref that its own errors must not have: no refusals with these.
                    for amount in (1, 10) if len(ref) > 60 or ref == '""' else (1, 9, 10):
                        with case(f"{kind} {ref} {amount}"):
                            payload = f'{{"type": "{kind}", "ref": {ref}, "amount": {amount}}}'.encode()
                            verdict, exchange, faults = fuzzer.check(payload)
                            assert faults == []
                            assert exchange.reply is not None or kind == "note" or not verdict.accepted
        bridge = contract_check.bridged(client, schemas)
        assert [answer(bridge, kind) for kind in ("note", "buy")] == ["200 OK", "200 OK"]
        # Schemathesis cannot invent a name by this pattern: the check says so, and goes on.
        fuzzer.invent(fuzzer._operations[0], 1, told.append)
        assert fuzzer.tally.violations == []
        assert schemathesis_run.run(bridge, None, 7, ("fuzzing",), cases=1, progress=told.append).errors == []
    assert {line.partition(": ")[0] for line in told if "regular expression" in line} == {
        "no random cases of /note",
        "no random cases of POST /note",
    }


def answer(bridge: Bridge, kind: str) -> str:
    """The status of the answer to a message of this type over HTTP."""
    body = json.dumps({"type": kind, "amount": 1}).encode()
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": f"/{kind}", "CONTENT_TYPE": "application/json"}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    found: list[str] = []
    bridge(environ, lambda status, _headers: found.append(status))
    return found[0]


def test_the_check_skips_messages_without_a_handler(shop: Path) -> None:
    schemas, progress = schema.load(shop / "schema"), list[str]()
    checked = contract_check.without_custom_messages(schemas, progress.append)
    assert "/buy" in operations(schemas)
    assert operations(checked).keys() == operations(schemas).keys() - {"/buy"}
    assert progress == ["not checked, because --handlers is missing: buy"]


SHIFTS = {
    "title": "Shift",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {"read": {"where": {"org": "$user.org", "lead": "$user.id", "team": {"in": "$user.teams"}}}},
    "properties": {
        "id": {"type": "integer"},
        "org": {"type": "string", "maxLength": 20},
        "lead": {"type": "integer"},
        "team": {"type": "string", "maxLength": 20},
    },
    "required": ["id", "org", "lead", "team"],
    "additionalProperties": False,
}


@pytest.fixture
def shifts(shop: Path) -> Path:
    """A schema folder with rows that only a user with claims may read."""
    (shop / "schema" / "resources").mkdir()
    (shop / "schema" / "resources" / "shifts.schema.json").write_text(json.dumps(SHIFTS))
    rows = [{"id": number, "org": org, "lead": 7, "team": "red"} for number, org in enumerate(("harbour", "pier"))]
    (shop / "schema" / "seed.json").write_text(json.dumps({"shifts": rows}))
    return shop / "schema"


@pytest.mark.long
def test_a_user_with_claims_sees_the_rows_of_row_rules(shifts: Path) -> None:
    schemas = schema.load(shifts)
    for identity, keys in (
        (Identity(), []),
        (Identity("7", {"org": "harbour", "teams": ["red", "blue"]}), [0]),
    ):
        target = contract_check.Target(shifts, schemas, identity=identity)
        with contract_check.client(target) as client:
            assert existing_keys(client, schemas)["shifts"] == keys


def test_the_check_names_the_claims_that_rules_ask_for(shifts: Path) -> None:
    schemas = schema.load(shifts)
    assert unset_claims(schemas, Identity()) == ["org", "teams"]
    assert unset_claims(schemas, Identity(claims={"org": "pier"})) == ["teams"]


def test_the_options_name_the_user_and_the_claims(shifts: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    targets: list[contract_check.Target] = []

    def failing(target: contract_check.Target, *_: object) -> contract_check.Report:
        targets.append(target)
        nothing = SchemathesisTally(errors=["an error"])
        return contract_check.Report(FuzzTally(), nothing, nothing, 1)

    monkeypatch.setattr(contract_check, "run", failing)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.chdir(shifts.parent)
    options = ["--user", "7", "--claim", "org=harbour", "--claim", 'teams=["red"]']
    assert main(["check", "contract", "--seed", "3", *options]) == 1
    assert [target.identity for target in targets] == [Identity("7", {"org": "harbour", "teams": ["red"]})]
    again = "tidegate check contract --schema schema --seed 3 --budget 60 --user 7 --claim org=harbour "
    again += """--claim 'teams=["red"]'"""
    assert f"repeat: {again}\n" in capsys.readouterr().out
    assert main(["check", "contract", "--claim", "roles=admin"]) == 2
    assert "--claim must not set 'roles'; use --user" in capsys.readouterr().err


def test_the_check_reports_that_the_gateway_did_not_start(shop: Path) -> None:
    done = tidegate("check", "contract", "--handlers", "nothing:gateway", cwd=shop)
    assert done.returncode == 2
    assert "the gateway to check did not start" in done.stderr
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_without_schemathesis_names_the_package_to_install(
    shop: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "schemathesis" else real(name))
    monkeypatch.chdir(shop)
    assert main(["check", "contract"]) == 2
    assert "needs schemathesis: pip install 'tidegate[contract]'" in capsys.readouterr().err


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_the_bridge_serves_http_until_it_is_stopped(stopped_by: signal.Signals, shop: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", "check", "contract", "--bridge", "0"],
        cwd=shop,
        env={**clean_environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not select.select([process.stdout], [], [], 0.1)[0]:
            assert time.monotonic() < deadline
        found = re.search(r"st run (http://127\.0\.0\.1:\d+)/openapi\.json", process.stdout.readline())
        assert found is not None
        body = json.dumps({"type": "ping"}).encode()
        request = Request(f"{found[1]}/ping", data=body, headers={"Content-Type": "application/json"})
        with urlopen(request, timeout=DEADLINE_S) as answer:
            assert json.load(answer)["type"] == "pong"
        process.send_signal(stopped_by)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
