"""`Contract.decode` accepts the same messages as the independent oracle, and names a fault that the oracle knows.

`make contract` sets CONTRACT_PAYLOADS. Without it, the test tries a few hundred payloads.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.contract import rich
from tests.contract.mutated_messages import SEEDS, mutated_messages
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Oracle, Verdict
from tidegate.contract import Contract
from tidegate.core.errors import Refused, error_message

PAYLOADS = int(os.environ.get("CONTRACT_PAYLOADS", "400"))
SUBJECTS = {"sample": SEEDS, "rich": rich.SEEDS}


class Subject:
    """An application with its contract and its oracle."""

    def __init__(self, folder: Path) -> None:
        bundle = schema.bundle(schema.load(folder))
        self.contract = Contract(bundle)
        self.oracle = Oracle(schema.unbundle(bundle))
        self.judge = Judge(self.oracle, handlers=True)

    def difference(self, payload: bytes) -> tuple[Verdict, list[str]]:
        """The oracle's verdict, and how the contract differs from it."""
        verdict = self.oracle.verdict(payload)
        try:
            self.contract.decode(payload)
        except Refused as refused:
            message = json.loads(self.contract.encode(error_message(refused)))
            return verdict, list(self.judge.refusal_faults(verdict, message))
        return verdict, [] if verdict.accepted else [f"accepted, but {verdict.faults}"]


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    return {"sample": Subject(ROOT / "schema"), "rich": Subject(rich.write(tmp_path_factory.mktemp("rich")))}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_contract_and_the_oracle_agree(name: str, subjects: dict[str, Subject]) -> None:
    subject, seen = subjects[name], Counter[str]()

    @settings(
        max_examples=PAYLOADS // len(SUBJECTS),
        deadline=None,
        database=None,
        derandomize=PAYLOADS < 1000,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(mutated_messages(SUBJECTS[name]))
    def agree(payload: bytes) -> None:
        verdict, differences = subject.difference(payload)
        seen["accepted" if verdict.accepted else "refused"] += 1
        assert not differences, payload

    agree()
    print(f"\n{name}: {seen['accepted']} accepted, {seen['refused']} refused by both readings")
    assert min(seen["accepted"], seen["refused"]) > PAYLOADS // len(SUBJECTS) // 20


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_messages_before_mutation_are_valid(name: str, subjects: dict[str, Subject]) -> None:
    for message in SUBJECTS[name]:
        verdict, differences = subjects[name].difference(json.dumps(message).encode())
        assert verdict.accepted, (message, verdict.faults)
        assert not differences
