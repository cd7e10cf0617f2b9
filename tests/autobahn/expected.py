"""What the Autobahn test suite has to say of the transport: each verdict that is not OK, why, and how many of each.

It is held for a server that compresses and for one that does not. Without the counts, a suite that ran a few of its
cases, or a server that agreed to no compression, would pass.
"""

from __future__ import annotations

from collections import Counter

from tests.autobahn.suites import Verdict

FINE = {"OK", "INFORMATIONAL"}
AT_THE_END_OF_A_FRAME = "invalid UTF-8 is noticed at the end of its frame, and not at its first wrong byte"
KNOWN = {
    **{Verdict(f"6.4.{number}", "NON-STRICT", "OK"): AT_THE_END_OF_A_FRAME for number in range(1, 5)},
    Verdict("7.1.5", "FAILED", "WRONG CODE"): (
        "a close frame in the middle of a fragmented message is answered with 1002, as websockets decides"
    ),
}
"""Verdicts that are not fine, with the reason for each."""
OF_COMPRESSION = ("12.", "13.")
"""How the numbers of the cases begin that offer compression."""
WITHOUT_COMPRESSION = {"OK": 293, "INFORMATIONAL": 3, "NON-STRICT": 4, "FAILED": 1}
"""Cases of each verdict, of those that offer no compression."""
CASES_OF_COMPRESSION = 216


def unexpected(verdicts: list[Verdict], *, compression: bool = True) -> list[Verdict]:
    """The verdicts that are neither fine nor known. A server that does not compress takes no offer to do so."""
    return [each for each in verdicts if each not in KNOWN and not _fine(each, compression)]


def _fine(verdict: Verdict, compression: bool) -> bool:
    if verdict.case.startswith(OF_COMPRESSION):
        return verdict.messages == ("OK" if compression else "UNIMPLEMENTED") and verdict.close in FINE
    return verdict.messages in FINE and verdict.close in FINE


def miscounted(verdicts: list[Verdict]) -> list[str]:
    """What differs between the counts of a run of the whole suite and those that are expected."""
    plain = Counter(each.messages for each in verdicts if not each.case.startswith(OF_COMPRESSION))
    found = {**plain, "of compression": len(verdicts) - plain.total()}
    expected = {**WITHOUT_COMPRESSION, "of compression": CASES_OF_COMPRESSION}
    return [
        f"{name}: {found.get(name, 0)} cases and not {expected.get(name, 0)}"
        for name in dict.fromkeys((*expected, *found))
        if found.get(name, 0) != expected.get(name, 0)
    ]
