"""One application of twelve families of schemas: rewritten, checked, generated, imported, compiled, served.

Python jsonschema decides about each payload: the gateway must say the same through a WebSocket, name a place inside
the message that it refuses, and hand the others to handlers and rooms without loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import pytest

from tests.contract.families import Family, Json
from tests.contract.families.application import (
    FAMILIES,
    HANDLERS,
    FamiliesApplication,
    before_the_fix,
    listed,
    pointers,
)
from tests.contract.generated_applications.judges import Judge
from tests.contract.generated_applications.payloads import same
from tests.contract.generated_applications.schemas import Case
from tests.support.gateway import GatewayProcess
from tests.support.wire import Message, Wire, wire

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> FamiliesApplication:
    return FamiliesApplication(FAMILIES, tmp_path_factory.mktemp("families") / "app")


@pytest.fixture(scope="module")
def failures(application: FamiliesApplication) -> list[str]:
    """What fails before the application is served."""
    return [str(failure) for failure in application.failures()]


@pytest.fixture
def gateway(application: FamiliesApplication, failures: list[str]) -> Iterator[GatewayProcess]:
    process = GatewayProcess(
        application.folder,
        "--dev",
        "--schema",
        "schema",
        "--handlers",
        f"{HANDLERS}:gateway",
        environment={"PYTHONPATH": str(application.folder / "generated/python")},
    )
    process.migrate()
    process.start()
    yield process
    process.stop()


def test_check_rewrites_older_spellings_and_finds_no_problem(application: FamiliesApplication) -> None:
    assert application.fixed.count("fixed: ") > 100
    assert "for you to decide" not in application.checked
    assert [case.path for case in application.cases if "definitions" in case.schema] == []


def test_each_family_lists_what_python_jsonschema_accepts_and_refuses(application: FamiliesApplication) -> None:
    wrong = list[str]()
    for family, room, case in _cases(application):
        expected = [True] * len(family.in_room if room else family.valid)
        messages = listed(family, room)
        expected += [False] * (len(messages) - len(expected))
        judge, old = Judge(case), before_the_fix(family, room)
        assert 3 <= len(messages) <= 12 and len(set(expected)) == 2
        for message, valid in zip(messages, expected, strict=True):
            value = message["data"] if room else message
            if judge.accepts(message) is not valid:
                wrong.append(f"{case.path}: {value} is {'refused' if valid else 'accepted'}")
            if old is not None and old.is_valid(value) is not valid:
                wrong.append(f"{case.path}, as written before the fix: {value} is {'refused' if valid else 'accepted'}")
    assert wrong == []


def test_the_generated_code_holds_all_that_python_jsonschema_accepts(
    application: FamiliesApplication, failures: list[str]
) -> None:
    assert failures == []
    assert min(application.judged.values()) >= 150, application.judged


async def test_the_served_application_answers_as_python_jsonschema_says(
    application: FamiliesApplication, gateway: GatewayProcess
) -> None:
    wrong = list[str]()
    async with wire(gateway.url) as client:
        for family, room, case in _cases(application):
            if room:
                assert (await client.ask({"type": "join", "room": family.name}))["type"] == "joined"
            judge = Judge(case)
            for message, pointer in zip_longest(application.payloads(case), pointers(family, room)):
                fault = await _fault(client, case, message, judge.accepts(message), pointer)
                if fault is not None:
                    wrong.append(f"{case.path}: {fault}\n  {message}")
    assert wrong == []


async def _fault(client: Wire, case: Case, message: Message, valid: bool, pointer: str | None) -> str | None:
    """What is wrong about the answer to `message`. `pointer`: what its refusal must name, if that is known."""
    answer = await client.ask(message)
    if not valid:
        prefix = "" if case.room is None else "/data"
        if answer["type"] != "error" or answer["code"] not in {"invalid_message", "invalid_data", "unknown_type"}:
            return f"accepted, {answer}"
        if not _inside({**message, "ref": 1}, answer["pointer"] or ""):
            return f"refused with a pointer to nothing: {answer}"
        if pointer is not None and answer["pointer"] != prefix + pointer:
            return f"refused at {answer['pointer']!r} and not at {prefix + pointer!r}: {answer}"
        return None
    if answer["type"] == "error":
        return f"refused: {answer}"
    if case.room is not None:
        heard = next(one for one in reversed(client.heard) if one["type"] == "message")
        return None if same(heard["data"], message["data"]) else f"became {heard}"
    expected = {**message, "ref": answer["ref"]}
    return None if same(answer["request"], expected) else f"became {answer}"


def _inside(value: Json, pointer: str) -> bool:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return False
    return True


def _cases(application: FamiliesApplication) -> Iterator[tuple[Family, bool, Case]]:
    """Each family twice: with its request and with its room."""
    for case in application.cases:
        yield application.families[case.seed // 2], case.room is not None, case
