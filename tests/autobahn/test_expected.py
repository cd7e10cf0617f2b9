"""What `make autobahn` lets pass, and the page that tells it."""

from __future__ import annotations

from pathlib import Path

from tests.autobahn.expected import KNOWN, unexpected
from tests.autobahn.suites import Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "websocket.md"


def test_a_failure_that_is_not_known_is_unexpected() -> None:
    fine = [Verdict("1.1.1", "OK", "OK"), Verdict("7.1.6", "INFORMATIONAL", "INFORMATIONAL"), *KNOWN]
    broken = [Verdict("1.1.1", "FAILED", "OK"), Verdict("2.1", "OK", "WRONG CODE"), Verdict("6.4.1", "FAILED", "OK")]
    assert unexpected([*fine, *broken]) == broken


def test_the_page_gives_each_known_verdict_with_its_reason() -> None:
    page = PAGE.read_text()
    for verdict, reason in KNOWN.items():
        assert verdict.case in page
        assert reason in page
