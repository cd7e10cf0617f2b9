"""Writes: rows, keys whose answers are kept, queues, rows that many follow."""

from __future__ import annotations

from tests.attacks.plan import Attack, Plan, once
from tests.attacks.table.frames import NO_RATE, TURNS, WRITING, flood
from tests.attacks.wire import head, request, token

UNLIMITED = {**NO_RATE, "write_timeout": "0", "memory": "0"}
STAYS = {**UNLIMITED, "graceful_stop": "60"}
REFUSED = (*TURNS, "refusals without their frames")
TASK = {"user_id": 1, "title": "a task", "notes": "x" * 1900}
IDS = list(range(1, 1001))


def created(count: int) -> bytes:
    return request("create", resource="tasks", data=[TASK] * count)


def with_key(line: int, turn: int) -> bytes:
    return request("update", resource="tasks", ids=IDS, data={"title": "equal"}, key=f"{line}-{turn}")


def refused_with_key(line: int, turn: int) -> bytes:
    return request("update", resource="tasks", id=10**9 + turn, data={"title": "x"}, key=f"{line}-{turn}") * 10


def small_with_key(line: int, turn: int) -> bytes:
    return b"".join(
        request("update", resource="users", id=1, data={"name": "x"}, key=f"{'k' * 40}{line}-{turn}-{n}")
        for n in range(20)
    )


WRITES = (
    Attack("keys-with-large-answers", (Plan(4, say=with_key),), without=UNLIMITED, rows=1000),
    Attack("keys-with-small-answers", (Plan(10, say=small_with_key),), without=UNLIMITED, patch=TURNS),
    Attack("keys-with-refusals", (Plan(10, say=refused_with_key),), without=UNLIMITED, patch=REFUSED),
    Attack("queued-creates", (Plan(20, first=once(created(20) * 250)),), without=UNLIMITED),
    Attack("creates", (flood(created(1), 10),), without=UNLIMITED, patch=TURNS),
    Attack("creates-of-many-rows", (flood(created(25), 10),), without=UNLIMITED),
    Attack(
        "creates-of-a-user",
        (flood(created(25), 20, head=lambda n: head(address=f"192.0.2.{n}", token=token("mallory"))),),
        without=UNLIMITED,
    ),
    Attack("creates-and-away", (Plan(20, first=once(created(20) * 50), leaves=True, again=True),), without=UNLIMITED),
    Attack(
        "updates-of-a-thousand",
        (flood(request("update", resource="tasks", ids=IDS, data={"title": "new"}), 4),),
        without=UNLIMITED,
        rows=1000,
    ),
    Attack(
        "updates-that-many-follow",
        (
            Plan(300, first=once(request("subscribe", resource="users"))),
            flood(request("update", resource="users", id=1, data={"name": "y"}), 4),
        ),
        without=UNLIMITED,
        patch=(*TURNS, *WRITING),
    ),
    Attack(
        "conflicts",
        (flood(request("update", resource="users", id=1, data={"name": "z"}, **{"if": {"name": "-"}}), 10),),
        without=UNLIMITED,
        patch=REFUSED,
    ),
    Attack(
        "queued-creates-in-postgresql", (Plan(20, first=once(created(20) * 250)),), without=UNLIMITED, postgres=True
    ),
    Attack("stop-with-queued-creates", (Plan(20, first=once(created(20) * 250)),), without=STAYS, stopped=True),
    Attack(
        "stop-with-writes-to-a-locked-table",
        (Plan(20, first=once(created(20) * 50)),),
        without=STAYS,
        postgres=True,
        lock="tasks",
        stopped=True,
    ),
)
