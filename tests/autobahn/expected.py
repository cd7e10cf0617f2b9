"""The cases of the Autobahn test suite whose verdict is not OK, and why."""

from __future__ import annotations

from tests.autobahn.suites import Verdict

FINE = {"OK", "INFORMATIONAL", "UNIMPLEMENTED"}
"""UNIMPLEMENTED: offers of compression (13.*) that the gateway does not take."""
AT_THE_END_OF_A_FRAME = "invalid UTF-8 is noticed at the end of its frame, and not at its first wrong byte"
KNOWN = {
    **{Verdict(f"6.4.{number}", "NON-STRICT", "OK"): AT_THE_END_OF_A_FRAME for number in range(1, 5)},
    Verdict("7.1.5", "FAILED", "WRONG CODE"): (
        "a close frame in the middle of a fragmented message is answered with 1002, as websockets decides"
    ),
}
"""Verdicts that are not fine, with the reason for each."""


def unexpected(verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts that are neither fine nor known."""
    return [each for each in verdicts if not (each.messages in FINE and each.close in FINE) and each not in KNOWN]
