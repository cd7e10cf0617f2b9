"""The attack suite judges rightly, and its table is what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pkgutil import resolve_name

import jwt
import pytest

from tests.attacks.__main__ import chosen
from tests.attacks.counted import BY_COST, COSTS, COUNTED
from tests.attacks.plan import Attack, Plan
from tests.attacks.signs import USUAL, raised, unseen
from tests.attacks.table import ATTACKS
from tests.attacks.target import SETTINGS, log_lines
from tests.attacks.trial import Outcome, costs, delays, percentile
from tests.attacks.weakened import PATCHES
from tests.attacks.wire import SECRET, TEXT, Frames, frame, token
from tidegate.config import Settings

QUIET = Attack("quiet", (Plan(1),))
GOOD = Outcome(
    "quiet",
    growth=64,
    left=24,
    given_back=3,
    files_left=8,
    p99=50,
    control=4,
    door=1000,
    disk=64,
    stop=12,
    log={"a": 1},
)


def test_an_outcome_within_the_limits_is_right() -> None:
    assert costs(QUIET, GOOD, 4) + delays(GOOD) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"growth": 65}, "memory grew by 65 MiB"),
        ({"left": 25}, "25 MiB more after 3 s"),
        ({"files_left": 9}, "9 files more"),
        ({"p99": 51}, "waited 51 ms"),
        ({"door": 1001}, "coming in took 1001 ms"),
        ({"disk": 65}, "the database grew by 65 MiB"),
        ({"stop": 13}, "the stop took 13 s"),
        ({"log": {"WARNING gate: too many": 2}}, "2 log lines: WARNING gate: too many"),
        ({"log_bytes": 20_000}, "20000 bytes of log"),
        ({"failures": {"/ws: HTTP/1.1 503 Service Unavailable": 3}}, "/ws: HTTP/1.1 503 Service Unavailable (3 times)"),
    ],
)
def test_each_limit_is_judged(change: dict[str, object], text: str) -> None:
    outcome = replace(GOOD, **change)  # type: ignore[arg-type]  # fields by name
    found = costs(QUIET, outcome, 4) + delays(outcome)
    assert len(found) == 1
    assert text in found[0]


def test_a_slow_machine_is_not_the_fault_of_the_gateway() -> None:
    assert delays(replace(GOOD, p99=500, control=100)) == []
    assert delays(replace(GOOD, p99=501, control=100)) != []


def test_new_clients_may_be_refused_where_the_attack_says_so() -> None:
    shut = replace(QUIET, shut=True)
    assert costs(shut, replace(GOOD, failures={"/ws: TimeoutError": 1}), 4) == []
    assert costs(shut, replace(GOOD, failures={"/healthz: TimeoutError": 1}), 4) != []


def test_the_database_may_grow_with_what_was_sent() -> None:
    assert costs(QUIET, replace(GOOD, disk=104, sent=10), 4) == []
    assert costs(QUIET, replace(GOOD, disk=105, sent=10), 4) != []


def test_one_log_line_a_minute_is_allowed() -> None:
    twice = replace(GOOD, log={"a": 2})
    assert costs(QUIET, twice, 50) != []
    assert costs(QUIET, twice, 57) == []


def test_log_lines_of_a_kind_differ_in_numbers_alone() -> None:
    text = (
        "2026-01-01 10:00:00,001 WARNING tidegate.door  too many connections from 198.51.100.66: 12 refused\n"
        "2026-01-01 10:01:00,002 WARNING tidegate.door  too many connections from 198.51.100.67: 9 refused\n"
        "Traceback (most recent call last):\n"
        "2026-01-01 10:01:00,003 INFO    tidegate.door  serving\n"
    )
    assert sorted(log_lines(text).values()) == [1, 2]


def test_percentile() -> None:
    assert percentile([*map(float, range(1000))]) == 990
    assert percentile([5.0]) == 5
    assert percentile([]) == float("inf")


def test_names_are_chosen_by_pattern() -> None:
    assert [attack.name for attack in chosen(["two-costly-*"], defended=True)] == ["two-costly-lists"]
    assert len(chosen([], defended=True)) == len(ATTACKS)
    assert all(attack.without or attack.patch for attack in chosen([], defended=False))


def test_the_table_has_forty_attacks_and_names_settings_that_exist() -> None:
    assert len(ATTACKS) >= 40
    for attack in ATTACKS.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", attack.name)
        assert set(attack.without) | set(attack.settings) | set(SETTINGS) <= set(Settings.__struct_fields__)


def test_each_defence_can_be_switched_off_or_the_table_says_why_not() -> None:
    for attack in ATTACKS.values():
        assert bool(attack.without or attack.patch) != bool(attack.always), attack.name
        assert set(attack.patch) <= set(PATCHES)
    assert sum(bool(attack.always) for attack in ATTACKS.values()) <= 8
    assert {name for attack in ATTACKS.values() for name in attack.patch} == set(PATCHES), "all of them are used"


def test_each_patch_changes_what_is_there() -> None:
    for name, code in PATCHES.items():
        for line in code.strip().splitlines():
            for place in re.findall(r"(tidegate[\w.]+) = ", line):
                module, _, attribute = place.rpartition(".")
                assert hasattr(resolve_name(module), attribute), f"{name}: {place}"


def test_frames_are_cut_wherever_they_break() -> None:
    sent = [b"x" * size for size in (0, 125, 126, 65_535, 65_536)]
    unmasked = b"".join(_unmasked(payload) for payload in sent)
    for size in (1, 7, 4096, len(unmasked)):
        frames = Frames()
        got = [cut for at in range(0, len(unmasked), size) for cut in frames.feed(unmasked[at : at + size])]
        assert got == [(TEXT, payload) for payload in sent]


def _unmasked(payload: bytes) -> bytes:
    """The frame as a server sends it."""
    whole = bytearray(frame(TEXT, payload))
    mask = len(whole) - len(payload) - 4
    whole[1] &= 0x7F
    return bytes(whole[:mask]) + payload


def test_tokens_are_valid() -> None:
    assert jwt.decode(token("mallory", roles=["a"]), SECRET, algorithms=["HS256"])["roles"] == ["a"]


def test_every_attack_names_a_counter_that_it_raises() -> None:
    assert set(COUNTED) == set(ATTACKS)
    reasons = [attack for attacks in BY_COST.values() for attack in attacks]
    assert sorted(reasons) == sorted(attack for attack, counter in COUNTED.items() if counter in COSTS)
    one, counter = next(iter(COUNTED.items()))
    assert unseen(one, {counter: 1.0}) == []
    assert unseen(one, {"another": 1.0}) == [f"the counter {counter} did not rise"]


def test_what_innocent_clients_raise_too_is_no_sign_of_an_attack() -> None:
    grown = raised(
        {"tidegate_bytes_received_total": 5.0}, {"tidegate_bytes_received_total": 9.0, "tidegate_slowed_total": 1.0}
    )
    assert list(grown) == ["tidegate_slowed_total", "tidegate_bytes_received_total"]
    assert USUAL.search('tidegate_closes_total{code="1000"}')
    assert not USUAL.search('tidegate_closes_total{code="4102"}')
