"""What `make autobahn` lets pass, and the page that gives its verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.autobahn.expected import (
    CASES_OF_COMPRESSION,
    KNOWN,
    WITHOUT_COMPRESSION,
    miscounted,
    unexpected,
)
from tests.autobahn.suites import Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "websocket.md"
PLAIN = [
    *KNOWN,
    *(Verdict(f"1.{number}", "OK", "OK") for number in range(WITHOUT_COMPRESSION["OK"])),
    *(Verdict(f"7.{number}", "INFORMATIONAL", "OK") for number in range(WITHOUT_COMPRESSION["INFORMATIONAL"])),
]


def of_compression(messages: str, count: int = CASES_OF_COMPRESSION) -> list[Verdict]:
    return [Verdict(f"1{2 + number % 2}.{number}", messages, "OK") for number in range(count)]


def test_a_failure_that_is_not_known_is_unexpected() -> None:
    fine = [Verdict("1.1.1", "OK", "OK"), Verdict("7.1.6", "INFORMATIONAL", "INFORMATIONAL"), *KNOWN]
    broken = [Verdict("1.1.1", "FAILED", "OK"), Verdict("2.1", "OK", "WRONG CODE"), Verdict("6.4.1", "FAILED", "OK")]
    assert unexpected([*fine, *broken]) == broken


@pytest.mark.parametrize(("compression", "expected"), [(True, "OK"), (False, "UNIMPLEMENTED")])
def test_cases_of_compression_are_ok_where_the_server_compresses_and_unimplemented_elsewhere(
    *, compression: bool, expected: str
) -> None:
    assert unexpected(of_compression(expected), compression=compression) == []
    for other in {"OK", "UNIMPLEMENTED", "FAILED", "INFORMATIONAL"} - {expected}:
        wrong = of_compression(other, 4)
        assert unexpected([*of_compression(expected, 4), *wrong], compression=compression) == wrong


def test_a_case_that_offers_no_compression_is_never_unimplemented() -> None:
    missing = [Verdict("9.1.1", "UNIMPLEMENTED", "OK")]
    assert unexpected(missing, compression=False) == unexpected(missing) == missing


def test_a_whole_run_has_all_cases_of_the_suite() -> None:
    whole = [*PLAIN, *of_compression("OK")]
    assert miscounted(whole) == []
    assert miscounted(whole[:-16]) == ["of compression: 200 cases and not 216"]
    assert miscounted(whole[1:]) == ["NON-STRICT: 3 cases and not 4"]


def test_the_page_gives_each_known_verdict_with_its_reason() -> None:
    page = PAGE.read_text()
    for verdict, reason in KNOWN.items():
        assert verdict.case in page
        assert reason in page


def test_the_page_gives_the_counts_of_the_suite() -> None:
    page = PAGE.read_text().lower()
    for verdict, count in {**WITHOUT_COMPRESSION, "of compression": CASES_OF_COMPRESSION}.items():
        assert f"| {verdict.lower()} | {count} |" in page
