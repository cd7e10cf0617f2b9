"""Reads: costly lists, answers that are not read, snapshots, subscriptions with many conditions."""

from __future__ import annotations

from typing import Any

from tests.attacks.plan import ATTACKER, Attack, Plan, once
from tests.attacks.table.frames import NO_RATE, TURNS, flood
from tests.attacks.wire import ROW_EPOCH, head, request, token

MANY = 30_000
OTHERS = "threads for others"
THREADS, TEXTS = "fair shares of the reader threads", "the limit of conditions on texts"
SNAPSHOTS = ("the end of snapshots with their clients",)
UNREAD = ("answers as fast as the client reads", "the end of slow readers")
UNLIMITED = {**NO_RATE, "read_timeout": "0", "memory": "0"}


def containing(conditions: int, word: str = "q17q") -> dict[str, Any]:
    """A filter of this many text conditions, which no row fulfils."""
    return {"or": [{"notes": {"contains": f"{word}{n}"}} for n in range(conditions)]}


def listed(**fields: Any) -> bytes:
    return request("list", resource="tasks", **fields)


def subscribed(line: int, turn: int) -> bytes | None:
    """A hundred subscriptions of a line, each with many conditions."""
    if turn >= 100:
        return None
    return request("subscribe", resource="tasks", filters=containing(98, f"s{line}-{turn}-"))


def inside_texts(line: int, turn: int) -> bytes | None:
    """As many subscriptions as a line may have, each with as many conditions on texts as there may be in one."""
    if turn >= 25:
        return None
    return request("subscribe", resource="tasks", filters=containing(20, f"{'note' * 20}{line}-{turn}-"))


def on_and_off(line: int, turn: int) -> bytes:
    filters = {"title": f"{line}-{turn}"}
    on = request("subscribe", resource="tasks", filters=filters)
    return on + request("unsubscribe", resource="tasks", filters=filters)


COSTLY = listed(filters=containing(100), count=True, limit=1)
MIDDLING = listed(filters=containing(20), count=True, limit=1)
PAGE = listed(limit=1000)
SNAPSHOT = request("subscribe", resource="tasks", snapshot=True)
CHANGE = request("update", resource="tasks", id=1, data={"title": "changed", "notes": "x" * 2000})

CHANGES = [
    request("update", resource="tasks", ids=list(range(1, 26)), data={"notes": text * 500}) for text in ("note", "Note")
]

SINCE = request("subscribe", resource="tasks", since={"epoch": ROW_EPOCH.decode(), "seq": 1})

READS = (
    Attack(
        "two-costly-lists",
        (Plan(1, first=once(COSTLY * 2)),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "costly-lists",
        (Plan(10, first=once(MIDDLING * 256)),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "costly-lists-over-and-over",
        (Plan(10, say=lambda _, __: MIDDLING * 10, again=True),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "costly-lists-and-away",
        (Plan(10, first=once(MIDDLING * 50), leaves=True, again=True),),
        without={**UNLIMITED, "address_connects": "0"},
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "costly-lists-of-a-user",
        (
            Plan(
                20,
                head=lambda n: head(address=f"192.0.2.{n}", token=token("mallory")),
                first=once(MIDDLING * 100),
            ),
        ),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "pages-unread",
        (Plan(100, first=once(PAGE * 5), reads=False),),
        without=UNLIMITED,
        patch=(*UNREAD, THREADS),
        rows=MANY,
    ),
    Attack(
        "pages-over-and-over",
        (flood(PAGE, 10),),
        without=UNLIMITED,
        patch=(*UNREAD, *TURNS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "sorted-by-what-has-no-index",
        (flood(listed(sort=[{"field": "notes"}], limit=1000), 10),),
        without=UNLIMITED,
        patch=(TEXTS, *TURNS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "far-offsets",
        (flood(listed(sort=[{"field": "title"}], offset=29_000, limit=1), 10),),
        without=UNLIMITED,
        patch=(*TURNS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "counts",
        (flood(listed(filters={"notes": {"contains": "no"}}, count=True, limit=1), 10),),
        without=UNLIMITED,
        patch=(TEXTS, *TURNS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "gets-of-a-thousand",
        (flood(request("get", resource="tasks", ids=list(range(1, 1001))), 10),),
        without=UNLIMITED,
        patch=(*UNREAD, *TURNS, THREADS, OTHERS),
        rows=MANY,
    ),
    Attack(
        "snapshots-unread",
        (Plan(100, first=once(SNAPSHOT), reads=False),),
        without=UNLIMITED,
        patch=("snapshots as fast as the client reads", "the end of slow readers"),
        rows=MANY,
    ),
    Attack(
        "snapshots-over-and-over",
        (Plan(20, first=once(SNAPSHOT), leaves=True, again=True),),
        without=UNLIMITED,
        patch=SNAPSHOTS,
        rows=MANY,
    ),
    Attack("subscribe-and-unsubscribe", (Plan(10, say=on_and_off),), without=UNLIMITED, patch=TURNS),
    Attack(
        "subscriptions-with-many-conditions",
        (Plan(10, say=subscribed), Plan(1, say=lambda _, __: CHANGE, every=0.5, delay=1)),
        without=UNLIMITED,
        patch=TURNS,
    ),
    Attack(
        "subscriptions-with-many-conditions-of-a-hundred-lines",
        (Plan(100, say=subscribed), Plan(1, say=lambda _, __: CHANGE, every=0.5, delay=1)),
        without=UNLIMITED,
        patch=TURNS,
    ),
    Attack(
        "changes-of-texts-that-many-conditions-look-into",
        (
            Plan(16, head=lambda n: head(address=f"192.0.2.{n}", token=token(f"m{n}")), say=inside_texts),
            Plan(1, say=lambda _, turn: CHANGES[turn % 2], every=0.1, delay=0.5),
        ),
        patch=("costly changes in steps",),
        rows=1000,
    ),
    Attack(
        "resumptions-of-the-whole-log",
        (Plan(20, first=lambda _: [SINCE], leaves=True, again=True), Plan(10, first=lambda _: [SINCE])),
        without=UNLIMITED,
        patch=("the log in batches",),
        rows=MANY,
    ),
    Attack(
        "costly-lists-in-postgresql",
        (Plan(10, first=once(MIDDLING * 256)),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
        postgres=True,
    ),
    Attack(
        "stop-with-costly-lists",
        (Plan(10, first=once(MIDDLING * 256)),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
        stopped=True,
    ),
    Attack(
        "stop-with-lists-of-a-locked-table",
        (Plan(10, first=once(PAGE * 20)),),
        without={**UNLIMITED, "graceful_stop": "60"},
        postgres=True,
        lock="tasks",
        stopped=True,
    ),
    Attack(
        "stop-with-snapshots-unread",
        (Plan(100, first=once(SNAPSHOT), reads=False),),
        without={"graceful_stop": "60"},
        rows=MANY,
        stopped=True,
    ),
    Attack(
        "lists-of-a-locked-table",
        (Plan(10, head=lambda _: head(address=ATTACKER), first=once(PAGE * 20)),),
        without=UNLIMITED,
        patch=(THREADS,),
        postgres=True,
        lock="tasks",
    ),
)
