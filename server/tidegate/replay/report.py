"""The outcome of a replay as text to read: each difference with its place in the recording and in the message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tidegate.replay.compare import MISSING, Difference
from tidegate.replay.player import Finding, Outcome
from tidegate.replay.recording import Recording

LONGEST = 300
MOST = 20
"""Differences that are shown of one message."""


def report(recording: Recording, outcome: Outcome) -> str:
    """Lines without a line feed at the end; the last one has the numbers."""
    return "\n".join([*_notes(recording, outcome), *_lines(outcome), _summary(outcome)])


def _notes(recording: Recording, outcome: Outcome) -> Iterator[str]:
    if not recording.complete:
        yield "note: the recording begins after its connection did; a sign-in or a `join` may be missing"
    if outcome.contract and recording.contract and outcome.contract != recording.contract:
        yield "note: the gateway has another contract than the recording was made with"


def _lines(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield f"frame {finding.frame.number}, {_about(finding)}"
        if finding.missing is not None:
            yield f"  {finding.missing}"
            yield f"  - {_short(finding.frame.message)}"
        for difference in finding.differences[:MOST]:
            yield from _difference(difference)
        if len(finding.differences) > MOST:
            yield f"  ... and {len(finding.differences) - MOST} more differences"
        yield ""


def _about(finding: Finding) -> str:
    kind = finding.frame.message.get("type")
    if finding.request is not None:
        return f"answer `{kind}` to `{finding.request.get('type')}`:"
    about = finding.frame.message.get("room") or finding.frame.message.get("resource")
    return f"message `{kind}` of `{about}`:" if about else f"message `{kind}`:"


def _difference(difference: Difference) -> Iterator[str]:
    yield f"  {difference.pointer}"
    yield f"    - {_value(difference.recorded)}"
    yield f"    + {_value(difference.now)}"


def _value(value: Any) -> str:
    return "(nothing)" if value is MISSING else _short(value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _summary(outcome: Outcome) -> str:
    same = outcome.compared - len(outcome.findings)
    sent = f"{outcome.sent} message{'' if outcome.sent == 1 else 's'} sent"
    if not outcome.findings:
        return f"{sent}, all {outcome.compared} answers are as recorded"
    return f"{sent}, {same} of {outcome.compared} answers are as recorded (- recorded, + now)"
