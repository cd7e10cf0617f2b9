"""Webhooks of a gateway over SQLite and PostgreSQL, to a real receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.hooks.receiver import SECRET, Receiver, receiving
from tests.support.gateway import ROOT, migrate
from tests.support.postgres import PostgresServer
from tidegate.cli import main
from tidegate.config import ConfigError
from tidegate.hooks import retries, sender
from tidegate.hooks.events import Event
from tidegate.hooks.sender import HookSender
from tidegate.store.hook_outbox import HookOutbox
from tidegate.testing import TestingGateway, running

SCHEMA = ROOT / "schema"
DEADLINE_S = 8.0


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hooks.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(server.database())


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(retries, "DELAYS_S", (0.05,) * 3)
    monkeypatch.setattr(retries, "TRIES", 4)
    with receiving() as receiver:
        yield receiver


def hook(receiver: Receiver, *events: str, **more: Any) -> dict[str, Any]:
    return {"name": "crm", "url": receiver.url, "events": events, "secret": SECRET, **more}


def until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gateway(stack: ExitStack, database: str, *hooks: dict[str, Any]) -> TestingGateway:
    return stack.enter_context(running(SCHEMA, database=database, hooks=list(hooks)))


def user(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"n{number}", "email": f"{number}@example.com", **more}


def test_rows_of_all_writers_arrive_signed_and_in_order(database: str, receiver: Receiver) -> None:
    chosen = hook(receiver, "row.*", resources=["users"], filter={"status": "active"})
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, chosen).blocking_client("7", roles=["admin"]))
        users = client.resource("users")
        one = users.create(user(1))
        users.create(user(2, status="inactive"))
        users.update(one["id"], {"name": "changed"})
        _elsewhere(database, "UPDATE users SET status = 'inactive' WHERE name = 'changed'")
        users.delete(one["id"])
        until(lambda: len(receiver.taken) >= 3)
    assert receiver.types() == ["row.created", "row.updated", "row.updated"]
    assert [event["data"]["row"]["status"] for event in receiver.taken] == ["active", "active", "inactive"]
    assert receiver.taken[0]["data"]["user"] == "7"
    assert "user" not in receiver.taken[2]["data"], "another program wrote it"
    assert receiver.forged == 0


def test_a_new_webhook_is_told_what_is_committed_after_the_start_and_goes_on_there(
    database: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HookSender, "_turn", _nothing)  # the gateway that sends is late
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, hook(receiver, "row.*")).blocking_client())
        begun = _position(database)
        client.resource("users").create(user(1))
    monkeypatch.undo()
    with ExitStack() as stack:
        gateway(stack, database, hook(receiver, "row.*"))
        until(lambda: receiver.taken)
        until(lambda: _position(database) == (begun[0], begun[1] + 1))
    assert receiver.types() == ["row.created"]


def test_a_hook_is_new_once_and_keeps_its_position(database: str) -> None:
    migrate(database, SCHEMA)
    with closing(HookOutbox(database)) as outbox:
        outbox.create()
        outbox.disable("crm", "its receiver answered HTTP 410")
        assert outbox.position("crm") is None
        outbox.begin("crm", "epoch", 0)
        outbox.begin("other", "epoch", 4)
        for name, seq in (("crm", 0), ("other", 4)):
            assert outbox.position(name) == ("epoch", seq)
            outbox.begin(name, "later", 5)
            assert outbox.position(name) == ("epoch", seq)
        assert list(outbox.disabled()) == ["crm"]


def test_a_gateway_whose_outbox_fails_at_the_start_notes_later_where_its_webhooks_begin(
    database: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, logged = list[HookOutbox](), list[str]()
    begin = HookOutbox.begin

    def fails_first(outbox: HookOutbox, name: str, epoch: str, seq: int) -> None:
        asked.append(outbox)
        if len(asked) == 1:
            raise OSError
        begin(outbox, name, epoch, seq)

    monkeypatch.setattr(HookOutbox, "begin", fails_first)
    monkeypatch.setattr(sender, "BROKEN", logged.append)
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, hook(receiver, "row.*")).blocking_client())
        until(lambda: _position(database) is not None)
        client.resource("users").create(user(1))
        until(lambda: receiver.taken)
    assert receiver.types() == ["row.created"]
    assert asked[0] is not asked[1], "its connection may be broken"
    assert logged == ["OSError"]


def test_what_happens_to_rooms_and_connections_arrives(database: str, receiver: Receiver) -> None:
    with ExitStack() as stack:
        running_gateway = gateway(stack, database, hook(receiver, "room.*", "member.*", rooms=["chat-*"]))
        with running_gateway.blocking_client("7", name="Ann") as ann:
            ann.join("chat-1")
            ann.join("lobby")
        running_gateway.pass_time_blocking(15)
        until(lambda: len(receiver.taken) >= 4)
        assert _position(database) is None, "once it wants rows, too, it is new for them"
    assert sorted(receiver.types()) == ["member.joined", "member.left", "room.occupied", "room.vacated"]
    assert {event["data"]["room"] for event in receiver.taken} == {"chat-1"}
    assert {event["data"]["user"]["name"] for event in receiver.taken if "user" in event["data"]} == {"Ann"}


def test_a_message_that_is_not_taken_is_sent_again_and_holds_up_its_own_row_alone(
    database: str, receiver: Receiver
) -> None:
    failures = iter([503, (429, {"Retry-After": "0"}), 500])

    def answer(event: dict[str, Any]) -> Any:
        return next(failures, 200) if event["data"]["row"]["name"].startswith("n1") else 200

    receiver.answer = answer
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, hook(receiver, "row.*")).blocking_client())
        one = client.resource("users").create(user(1))
        client.resource("users").update(one["id"], {"name": "n1 changed"})
        client.resource("users").create(user(2))
        until(lambda: len(receiver.taken) >= 3)
    names = [event["data"]["row"]["name"] for event in receiver.taken]
    assert names.index("n1") < names.index("n1 changed")
    assert names[0] == "n2", "it did not wait for the other row"
    tries = [headers["webhook-id"] for event, headers in receiver.asked if event["data"]["row"]["name"] == "n1"]
    assert len(tries) == 4
    assert len(set(tries)) == 1


def test_what_is_never_taken_is_kept_for_a_person(
    database: str,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver.answer = lambda event: 500
    chosen = hook(receiver, "row.*")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_DATABASE", database)
    (tmp_path / "tidegate.toml").write_text(
        f'[[hooks]]\nname = "crm"\nurl = "{receiver.url}"\nevents = ["row.*"]\nsecret = "{SECRET}"\n'
    )
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, chosen).blocking_client())
        client.resource("users").create(user(1))
        until(lambda: _dead(database))
        assert main(["hooks", "list"]) == 0
        listed = capsys.readouterr().out
        assert "crm: 0 waiting, 1 given up" in listed
        assert "row.created" in listed
        assert "HTTP 500" in listed
        receiver.answer = lambda event: 200
        (dead,) = _dead(database)
        assert main(["hooks", "retry", str(dead.id)]) == 0
        until(lambda: receiver.taken)
        assert main(["hooks", "retry", str(dead.id)]) == 1, "it is gone"
    assert not _dead(database)


def test_the_list_says_why_a_message_waits_and_until_when(
    receiver: Receiver, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_DATABASE", "sqlite:///x.db")
    monkeypatch.setenv("TIDEGATE_HOOKS", json.dumps([hook(receiver, "connected")]))
    outbox = HookOutbox("sqlite:///x.db")
    outbox.create()
    outbox.add([Event("crm", f"c{number}", "connected", b"{}") for number in (1, 2, 3)], 0)
    outbox.failed(2, 1, 1_800_000_000_000, "the receiver answered HTTP 500")
    outbox.failed(3, 1, 1_700_000_000_000, "the receiver answered HTTP 404")
    outbox.close()
    assert main(["hooks", "list"]) == 0
    words = "not taken: the receiver answered HTTP 500; sent again at 2027-01-15T08:00:00Z"
    assert capsys.readouterr().out == f"crm: 3 waiting, 0 given up  {words}\n"


def test_what_one_receiver_does_not_take_hides_nothing_of_another_row_or_receiver(
    database: str, receiver: Receiver
) -> None:
    with ExitStack() as stack:
        gateway(stack, database, hook(receiver, "connected"))
    with closing(HookOutbox(database)) as outbox:
        stuck = [Event("crm", "row 1", "row.updated", b"{}") for _ in range(1500)]
        outbox.add(
            [*stuck, Event("crm", "row 2", "row.updated", b"{}"), Event("erp", "row 1", "row.updated", b"{}")], 0
        )
        first = outbox.due("crm", 1000, 10)
        assert [each.key for each in first] == ["row 1", "row 2"]
        outbox.failed(first[0].id, 1, 2000, "HTTP 500")
        assert [each.key for each in outbox.due("crm", 1000, 10)] == ["row 2"], "and no later event of row 1"
        assert [each.key for each in outbox.due("crm", 2000, 1)] == ["row 1"]
        assert [each.hook for each in outbox.due("erp", 1000, 10)] == ["erp"]


def test_messages_of_a_webhook_with_another_name_are_listed_and_can_be_forgotten(
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = f"sqlite:///{tmp_path}/x.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_DATABASE", database)
    monkeypatch.setenv("TIDEGATE_HOOKS", json.dumps([hook(receiver, "connected")]))
    with closing(HookOutbox(database)) as outbox:
        outbox.create()
        outbox.add([Event("former", f"c{number}", "connected", b"{}") for number in (1, 2)], 0)
        outbox.failed(1, 12, None, "HTTP 500")
        outbox.begin("former", "e", 1)
    with ExitStack() as stack:
        gateway(stack, database, hook(receiver, "connected"))
    assert "nothing sends the messages of webhooks that the settings have no more: 'former'" in caplog.text
    assert main(["hooks", "list"]) == 0
    assert "former: 2 messages that nothing sends" in capsys.readouterr().out
    assert main(["hooks", "drop", "--hook", "former"]) == 0
    assert "2 messages are forgotten" in capsys.readouterr().out
    assert main(["hooks", "list"]) == 0
    assert "former" not in capsys.readouterr().out
    for action in ("drop", "retry"):
        assert main(["hooks", action, "--hook", "former"]) != 0


def test_a_receiver_that_wants_nothing_any_more_gets_nothing(database: str, receiver: Receiver) -> None:
    receiver.answer = lambda event: 410
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, hook(receiver, "row.*")).blocking_client())
        client.resource("users").create(user(1))
        until(lambda: _outbox(database, lambda outbox: outbox.disabled()))
        asked = len(receiver.asked)
        client.resource("users").create(user(2))
        assert len(receiver.asked) == asked


def test_what_a_gateway_did_not_send_the_next_one_sends(database: str, receiver: Receiver) -> None:
    """The receiver is away; then the gateway ends. What it had recorded, and what was written meanwhile, arrives."""
    receiver.answer = lambda event: 503
    chosen = hook(receiver, "row.*")
    with ExitStack() as stack:
        client = stack.enter_context(gateway(stack, database, chosen).blocking_client())
        client.resource("users").create(user(1))
        until(lambda: receiver.asked)
    _elsewhere(database, "UPDATE users SET name = 'meanwhile'")
    receiver.answer = lambda event: 200
    with ExitStack() as stack:
        gateway(stack, database, chosen)
        until(lambda: len(receiver.taken) >= 2)
    assert [event["data"]["row"]["name"] for event in receiver.taken] == ["n1", "meanwhile"]


def test_one_gateway_of_two_sends(database: str, receiver: Receiver) -> None:
    if database.startswith("sqlite"):
        outbox, other = HookOutbox(database), HookOutbox(database)
        with running(SCHEMA, database=database):
            assert outbox.lead()
            assert not other.lead()
        outbox.close()
        other._tried = -10.0
        assert other.lead()
        other.close()
        return
    with ExitStack() as stack:
        one, two = (gateway(stack, database, hook(receiver, "row.*", "member.joined")) for _ in range(2))
        clients = [stack.enter_context(each.blocking_client()) for each in (one, two)]
        for number, client in enumerate(clients):
            client.resource("users").create(user(number))
            client.join("chat-1")
        until(lambda: len(receiver.taken) >= 4)
    assert sorted(receiver.types()) == ["member.joined", "member.joined", "row.created", "row.created"]
    assert len(receiver.asked) == 4


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resources": ["userz"]}, "no resource 'userz'; did you mean 'users'?"),
        ({"resources": ["users"], "filter": {"staet": "x"}}, "filter/staet"),
    ],
)
def test_a_hook_that_does_not_fit_the_schema_is_refused(receiver: Receiver, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words), running(SCHEMA, hooks=[hook(receiver, "row.*", **more)]):
        pass


def test_a_database_without_the_tables_says_what_to_type(tmp_path: Path, receiver: Receiver) -> None:
    database = f"sqlite:///{tmp_path / 'x.db'}"
    with running(SCHEMA, database=database):
        pass
    with pytest.raises(Exception, match="tidegate migrate"):
        HookOutbox(database).check()


def test_without_webhooks_and_without_a_database_the_commands_say_so_and_make_none(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["hooks", "list"]) == 0
    assert main(["hooks", "retry", "7"]) == 2
    assert main(["migrate", "--down"]) == 2
    monkeypatch.setenv("TIDEGATE_HOOKS", json.dumps([hook(receiver, "row.*")]))
    assert main(["hooks", "list"]) == 2
    none, retried, down, missing = [line for line in capsys.readouterr().err.splitlines() if "sample" not in line]
    assert (none, retried) == ("the settings have no webhooks", "tidegate: the settings have no webhooks")
    assert "there is no database tidegate.db" in down
    assert "there is no database tidegate.db" in missing
    assert list(tmp_path.iterdir()) == []


async def _nothing(sender: HookSender) -> bool:
    return False


def _outbox(database: str, ask: Any) -> Any:
    outbox = HookOutbox(database)
    try:
        return ask(outbox)
    finally:
        outbox.close()


def _position(database: str) -> Any:
    return _outbox(database, lambda outbox: outbox.position("crm"))


def _dead(database: str) -> Any:
    return _outbox(database, lambda outbox: outbox.dead())


def _elsewhere(database: str, sql: str) -> None:
    """Another program."""
    if database.startswith("sqlite"):
        apsw.Connection(database.removeprefix("sqlite:///")).execute(sql)
        return
    import psycopg

    with psycopg.connect(database) as connection:
        connection.execute(sql)
