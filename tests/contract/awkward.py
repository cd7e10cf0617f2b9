"""Payloads at the edges of what a client may send, and many more made of valid ones: the same list for each seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy

from tests.contract.mutated_messages import LIKE, NAMES, SEEDS, VALUES, containers
from tests.fuzz.messages import WORDS
from tests.fuzz.mutation import Mutator

REFS = (
    "1", "-0", "0", "1.0", "1e3", "1.5", "true", "null", '""', '"r"', '"' + "x" * 64 + '"', '"' + "x" * 65 + '"', "[1]",
    "9007199254740991", "9007199254740992", "-9007199254740991", "-9007199254740992", "1000000000000000.5",
    "1e400", "99999999999999999999", '"\\u0000"', '"\\\\u0000"', '"\\ud800"', '"\\u00e9"', '"\u00e9"', '"\U0001f600"',
    "01", "{}", "0.12345678901234567", "0.1234567890123456789012345678901234567", "12345678901234567e-3",
    "1234567890123456",
)  # fmt: skip
DATA = (
    *REFS, *(f'{{"n":{ref}}}' for ref in REFS), *("[" * depth + "]" * depth for depth in (30, 31, 32, 33)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (30, 31, 32, 33)), '{"text":"hello"}', '{"text":""}', "[]",
    '{"text":"hello","text":1}', '{"text":1,"text":"hello"}', '{"\\u0000":1}', '{"text":"a.9999999999999999"}',
    '{"text":"9999999999999999"}', '{"text":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', '{"text":"\\\\u0000"}',
    '{"x":0.5,"y":1}', '{"x":0.5,"y":9007199254740993}', '{"x":1e-7,"y":1e0}', '{"text":"' + "x" * 2000 + '"}',
    '{"text":"' + "x" * 2001 + '"}', '{"text":"\\ud800"}', '{"text":"hello" }', '{"text":"hello",}', "NaN",
)  # fmt: skip
ROOMS = ('"chat-1"', '"cursor-1"', '"anything"', '"chat-"', '""', '"chat\\u00001"', "1", "null", '["chat-1"]')
JOINING = ("since", "status", "presence", "more")
ROW_DATA = (
    *REFS,
    "{}",
    "[]",
    '{"name":"a"}',
    '{"name":1}',
    '{"name":{"eq":"a"}}',
    '{"name":"a","name":1}',
    '{"nam":"a"}',
)
TIMES = (
    "null", "1", '"2026-01-31T12:00:00Z"', '"2026-01-31t13:00:00.1234567+01:00"', '"2026-01-31"',
    '"2016-12-31T23:59:60Z"', '"0000-01-01T00:00:00Z"', '"0001-01-01T00:00:00+01:00"', '"9999-12-31T23:59:59-01:00"',
    '"2026-01-31T12:00:00.000000Z"',
)  # fmt: skip
TASK = '{"user_id":1,"title":"t"'
CREATED = (
    "{}", "[]", f"{TASK}}}", f'{TASK},"priority":2.0}}', f'{TASK},"priority":1e0}}', f"[{TASK}}},{TASK}}}]",
    f'[{TASK},"priority":2.0}},{{"title":"u","user_id":1.0}}]', f'[{TASK}}},{{"user_id":1,"titel":"u"}}]',
    f"[[{TASK}}}]]", *(f'{TASK},"due_at":{time}}}' for time in TIMES),
    f'[{TASK},"due_at":"2026-01-31T13:00:00+01:00"}},{TASK},"due_at":"2016-12-31T23:59:60Z"}}]', f'{TASK},"id":1}}',
    '{"title":"t","user_id":9007199254740992}', '{"user_id":1,"title":"\\u0000"}', f'{TASK},"title":1}}',
)  # fmt: skip
FILTERS = (
    "{}", "[]", "null", '{"priority":2.0}', '{"priority":1e0}', '{"priority":2.5}', '{"id":1.0,"title":"t"}',
    '{"id":{"in":[1.0,2]},"or":[{"priority":{"between":[1.0,2]}},{"title":null}]}', '{"or":[]}', '{"and":[{}]}',
    '{"due_at":{"null":true}}', '{"due_at":{"nin":["2026-01-31T13:00:00+01:00"]}}', '{"titel":"t"}',
    '{"title":{"contains":"T"}}', '{"title":{"eq":"a","eq":"b"}}', '{"title":"\\u0000"}', '{"id":9007199254740992}',
    *(f'{{"due_at":{time}}}' for time in TIMES), *(f'{{"and":[{{"due_at":{{"gt":{time}}}}}]}}' for time in TIMES),
    '{"and":[' * 15 + '{"title":"t"}' + "]}" * 15, '{"and":[' * 16 + '{"title":"t"}' + "]}" * 16,
)  # fmt: skip
QUERIES = (
    *(f'"filters":{filters}' for filters in FILTERS), '"subscription":"s1"', '"subscription":1', '"fields":["title"]',
    '"fields":["titel"]', '"fields":[]', '"sort":[{"field":"title"}]', '"sort":[{"field":"titel"}]', '"sort":[]',
    '"limit":1.0,"offset":0.0', '"count":true', '"snapshot":false,"scope":"x"', '"since":{"epoch":"e","seq":1.0}',
    '"since":{"epoch":"e","seq":1,"more":2}', '"filters":{"title":"t"},"fields":["id"],"since":{"epoch":"e","seq":0}',
)  # fmt: skip
ROWS = (
    ("subscribe", "filters"), ("subscribe", "since"), ("subscribe", "order"), ("subscribe", "limit"),
    ("subscribe", "snapshot"), ("list", "filters"), ("list", "limit"), ("list", "after"), ("list", "order"),
    ("create", "data"), ("create", "key"), ("get", "key"), ("get", "id"), ("get", "ids"), ("get", "fields"),
    ("list", "sort"), ("list", "offset"), ("list", "count"), ("list", "fields"), ("subscribe", "fields"),
    ("unsubscribe", "filters"),
)  # fmt: skip
BARE = (
    "", " ", "{}", "[]", "null", "1", '"ping"', '{"type":"ping"', '{"type":"ping"}}', ' {"type":"ping","ref":1} ',
    '{"type":1}', '{"type":["ping"]}', '{"type":{}}', '{"type":null}', '{"type":true}', '{"type":"PING"}', '{"ref":1}',
    '{"type":"ping","ref":1,"more":2}', '{"type":"message","type":"ping","ref":1}', '{"type":"p\\u0069ng","ref":7}',
    '{"type":"ping","ref":99999999999999999999,"ref":1}', '{"type":"ping","ref":1,"ref":1.0}', "\ufeff{}", "{'a':1}",
    '{"type":"message","room":"chat-1"}', '{"type":"message","data":1}', '{"type":"ping","type\\u0000":1}',
    '{"type":"message","room":"chat-1","data":{"text":"a"},"key":""}', "[" * 2000, '{"a":' * 2000,
    '{"type":"message","room":"chat-1","data":{"text":"a"},"key":"k\\u0000"}', '{"type":"ping","ref":1}\n\n',
)  # fmt: skip


def payloads(count: int, seed: int = 1) -> list[bytes]:
    """At least `count` texts, each once, none larger than a message may be."""
    chance = random.Random(seed)
    known = [json.dumps(message).encode() for message in SEEDS]
    broken = Mutator(seed, WORDS)
    found = dict.fromkeys(_edges())
    while len(found) < count:
        made = broken.mutated(known) if chance.random() < 0.3 else _changed(chance)
        if _is_utf8(made):
            found[made] = None
    return list(found)


def _edges() -> Iterator[bytes]:
    texts = [*BARE, *(f'{{"type":"ping","ref":{ref}}}' for ref in REFS)]
    texts += (f'{{"type":"message","room":"chat-1","data":{{"text":"a"}},"ref":{ref}}}' for ref in REFS)
    texts += (f'{{"type":"message","room":{room},"data":{data},"ref":5}}' for room in ROOMS for data in DATA)
    texts += (f'{{"type":"join","room":"chat-1","info":{data},"ref":6}}' for data in DATA)
    more = [f'{{"type":"join","room":{room},"ref":' for room in ROOMS]
    more += (f'{{"type":"join","room":"chat-1","{name}":{data},"ref":' for name in JOINING for data in REFS)
    more += (f'{{"type":"{kind}","resource":"users","{name}":{data},"ref":' for kind, name in ROWS for data in ROW_DATA)
    for kind in ("users", "tasks", "nothing", "task\\u0000"):
        more += (f'{{"type":"create","resource":"{kind}","data":{data},"ref":' for data in CREATED)
    for kind in ("subscribe", "unsubscribe", "list"):
        more += (f'{{"type":"{kind}","resource":"tasks",{query},"ref":' for query in QUERIES)
    more += (f'{{"type":"unsubscribe",{query},"ref":' for query in QUERIES[-15:])
    # Answers of these may come in another order than their requests: each has a `ref` that no other has.
    texts += (f"{text}{number}}}" for number, text in enumerate(more, 1000))
    return (text.encode() for text in texts)


def _changed(chance: random.Random) -> bytes:
    """A valid message with up to three changes, at any place."""
    message = json.loads(json.dumps({**chance.choice(SEEDS), "ref": chance.randint(-999, 10**6)}))
    for _ in range(chance.randint(0, 3)):
        target = chance.choice(list(containers(message)))
        value = deepcopy(chance.choice(VALUES))
        if isinstance(target, list):
            target[chance.randint(0, len(target)) :] = [value]
            continue
        name = chance.choice(list(target) if target and chance.random() < 0.7 else NAMES)
        change = chance.choice(("drop", "any", "like", "like"))
        if name in target and change == "drop":
            del target[name]
        elif name in target and change == "like" and (like := LIKE.get(type(target[name]))):
            target[name] = deepcopy(chance.choice(like))
        else:
            target[name] = value
    return json.dumps(message).encode()


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
