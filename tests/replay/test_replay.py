"""`tidegate replay` against a real gateway: the recording in the documents, what differs, and what may differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tidegate import cli

pytestmark = pytest.mark.process

EXAMPLE = ROOT / "docs" / "how-to" / "sample.recording.json"
Recorded = dict[str, Any]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    yield from _served(GatewayProcess(tmp_path_factory.mktemp("replay"), "--dev"))


@pytest.fixture(scope="module")
def seeded_on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("replay-postgres")
    yield from _served(PostgresGateway(folder, postgres.url(postgres.database()), "--dev"))


def _served(process: GatewayProcess) -> Iterator[GatewayProcess]:
    process.migrate(seed=True)
    process.start()
    yield process
    process.stop()


def client(**message: Any) -> Recorded:
    return {"connection": 1, "from": "client", "message": message}


def answer(**message: Any) -> Recorded:
    return {"connection": 1, "from": "gateway", "message": message}


@pytest.fixture
def replay(
    seeded: GatewayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Replays these frames, with these options: the exit code, and what was printed."""

    def act(frames: list[Recorded], *options: str) -> tuple[int, str]:
        file = tmp_path / "made.recording.json"
        file.write_text(json.dumps({"format": "tidegate-recording-1", "complete": True, "frames": frames}))
        code = cli.main(["replay", str(file), "--url", seeded.http, *options])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return act


def example() -> list[Recorded]:
    frames: list[Recorded] = json.loads(EXAMPLE.read_text())["frames"]
    return copy.deepcopy(frames)


def test_the_recording_of_the_documents_is_answered_as_it_was(
    seeded: GatewayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", str(EXAMPLE), "--url", seeded.http, "--dev"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("10 messages sent, all 16 answers are as recorded\n", "")


def test_a_row_that_gets_another_key_in_this_run_is_followed(replay: Callable[..., tuple[int, str]]) -> None:
    """The example creates, updates and deletes the row 11; the sequence of the database is at 12 or later here."""
    rows_only = [frame for frame in example() if "room" not in frame["message"]]
    rows_only = [frame for frame in rows_only if frame["message"].get("ref") not in {"page-8", "page-9", "page-10"}]
    assert replay(rows_only, "--dev")[0] == 0
    code, printed = replay(rows_only, "--dev")
    assert (code, "are as recorded" in printed) == (0, True), printed


def test_a_difference_is_shown_with_its_place_and_both_values(replay: Callable[..., tuple[int, str]]) -> None:
    frames = example()[:7]
    frames[6]["message"]["rows"][0]["title"] = "Check the tide tables for May"
    frames[6]["message"]["rows"][1]["colour"] = "red"
    code, printed = replay(frames, "--dev")
    assert code == 1
    assert "frame 7, answer `rows` to `list`:\n  /rows/0/title\n" in printed
    assert '    - "Check the tide tables for May"\n    + "Check the tide tables for March"\n' in printed
    assert '  /rows/1/colour\n    - "red"\n    + (nothing)\n' in printed
    assert "3 of 4 answers are as recorded" in printed


def test_an_answer_that_does_not_come_is_a_difference(replay: Callable[..., tuple[int, str]]) -> None:
    update = answer(type="update", subscription="s1", resource="tasks", action="delete", data={"id": 1})
    code, printed = replay([client(type="ping", ref="a"), answer(type="pong", ref="a"), update], "--timeout", "0.2")
    assert code == 1
    assert "frame 3, message `update` of `tasks`:\n  it did not come within 0.2 s\n" in printed


def test_the_recording_of_the_documents_is_answered_as_it_was_by_postgresql(
    seeded_on_postgres: GatewayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", str(EXAMPLE), "--url", seeded_on_postgres.http, "--dev"]) == 0
    assert "all 16 answers are as recorded" in capsys.readouterr().out


def in_a_room(shown: Recorded) -> list[Recorded]:
    """A recording of a client that says that it is away; `shown`: what the others then see of it."""
    guest = {"id": "anon-1", "name": "Guest 1", "roles": [], "anonymous": True}
    member = {"id": "anon-1", "name": "Guest 1", "status": "online", "connections": 1, "since": 1}
    other = {"id": "7", "name": "Not here now", "status": "online", "connections": 1, "since": 1}
    now = {**member, "status": "away", **shown}
    position = {"epoch": "e", "offset": 0}
    joined: Recorded = {"room": "chat-replayed", "position": position, "recovered": False, "replayed": 0}
    return [
        answer(type="welcome", user=guest),
        client(type="join", room="chat-replayed", presence="diff", ref="a"),
        answer(type="joined", **joined, users=[other, member], ref="a"),
        client(type="presence", room="chat-replayed", status="away", ref="b"),
        answer(type="presence_diff", room="chat-replayed", joined=[], left=[], changed=[member]),  # of before
        answer(type="presence", room="chat-replayed", users=[other, now], ref="b"),
        answer(type="presence_diff", room="chat-replayed", joined=[], left=[other], changed=[now]),
    ]


def test_what_others_see_of_the_client_is_compared(replay: Callable[..., tuple[int, str]]) -> None:
    assert replay(in_a_room({})) == (0, "2 messages sent, all 4 answers are as recorded\n")
    code, printed = replay(in_a_room({"status": "busy"}), "--timeout", "0.5")
    assert code == 1
    assert 'answer `presence` to `presence`:\n  /users/1/status\n    - "busy"\n    + "away"\n' in printed
    assert 'message `presence_diff` of `chat-replayed`:\n  /changed/0/status\n    - "busy"\n    + "away"\n' in printed
    assert "2 of 4 answers are as recorded" in printed


def test_an_answer_and_the_own_entry_in_it_are_compared_together(replay: Callable[..., tuple[int, str]]) -> None:
    frames = in_a_room({})[:3]
    frames[-1]["message"] |= {"replayed": 3}
    code, printed = replay(frames)
    assert (code, "answer `joined` to `join`:\n  /replayed\n    - 3\n    + 0\n" in printed) == (1, True)
    frames[-1]["message"]["users"][1]["status"] = "busy"
    _, printed = replay(frames, "--timeout", "0.2")
    found = '/replayed\n    - 3\n    + 0\n  /users/1/status\n    - "busy"\n    + "online"\n'
    assert (found in printed, "1 of 2 answers are as recorded" in printed) == (True, True)


def test_an_answer_that_does_not_come_has_no_entry(replay: Callable[..., tuple[int, str]]) -> None:
    frames = in_a_room({})
    never = answer(type="presence", room="chat-replayed", users=[frames[2]["message"]["users"][1]], ref="c")
    code, printed = replay([*frames, never], "--timeout", "0.2")
    assert (code, "it did not come within 0.2 s" in printed, "/users" in printed) == (1, True, False)


def test_an_entry_that_another_program_of_the_user_shares_is_not_compared(
    replay: Callable[..., tuple[int, str]],
) -> None:
    frames = in_a_room({"status": "busy", "connections": 2})
    assert replay(frames) == (0, "2 messages sent, all 3 answers are as recorded\n")


def test_an_entry_that_another_program_of_the_user_shares_now_is_not_compared(
    seeded: GatewayProcess, replay: Callable[..., tuple[int, str]]
) -> None:
    member = {"id": "1", "name": "Ada", "status": "busy", "connections": 1, "since": 1}
    joined = {"position": {"epoch": "e", "offset": 0}, "recovered": False, "replayed": 0, "users": [member]}
    frames = [
        *example()[:3],
        client(type="join", room="chat-shared", presence="diff", ref="a"),
        answer(type="joined", room="chat-shared", **joined, ref="a"),
    ]
    code, printed = replay(frames, "--dev", "--timeout", "0.5")
    assert code == 1
    assert '  /users/0/status\n    - "busy"\n    + "online"\n' in printed
    token = seeded.token("1", "--name", "Ada")
    with connect(seeded.url, proxy=None) as other:
        for message in ({"type": "authenticate", "token": token}, {"type": "join", "room": "chat-shared", "ref": "a"}):
            other.send(json.dumps(message))
        while json.loads(other.recv(DEADLINE_S))["type"] != "joined":
            pass
        assert replay(frames, "--dev")[0] == 0


def test_a_second_connection_replaces_the_first(replay: Callable[..., tuple[int, str]]) -> None:
    frames = [
        {**frame, "connection": number}
        for number in (1, 2)
        for frame in (
            answer(type="welcome", user={"id": f"anon-{number}", "name": "Guest", "roles": [], "anonymous": True}),
            {"connection": number, "from": "client", "text": "no JSON"},
            client(type="ping", ref="a"),
            answer(type="pong", ref="a"),
        )
    ]
    assert replay(frames) == (0, "4 messages sent, all 4 answers are as recorded\n")


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ((), {}, "the recording signs in as the user 1: give --token, or --dev"),
        (("--token", "2=of-another"), {}, "the recording signs in as the user 1"),
        (("--token", "1=wrong"), {}, "answer `error` to `authenticate`"),
        ((), {"TIDEGATE_TOKEN": "wrong"}, "answer `error` to `authenticate`"),
    ],
)
def test_where_a_token_comes_from(
    replay: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    environment: dict[str, str],
    said: str,
) -> None:
    monkeypatch.delenv("TIDEGATE_TOKEN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, printed = replay(example()[:3], *options)
    assert code in {1, 2}
    assert said in printed.replace("`authenticated`", "`error`")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("[]", '"format" must be "tidegate-recording-1"'),
        ('{"format": "tidegate-recording-1", "frames": [{"from": "you"}]}', 'frame 1: "from" must be'),
        ('{"format": "tidegate-recording-1", "frames": [{"from": "gateway", "message": 3}]}', "must be a JSON object"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text)
    assert cli.main(["replay", str(file), "--url", "http://127.0.0.1:9"]) == 2
    assert said in capsys.readouterr().err


def test_a_gateway_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", str(EXAMPLE), "--url", "http://127.0.0.1:9", "--dev"]) == 1
    assert "127.0.0.1:9: nothing listens there; is the gateway running?" in capsys.readouterr().err
