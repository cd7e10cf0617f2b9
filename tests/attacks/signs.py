"""What an operator sees of an attack: which counters it has raised, read at the gateway's address for operators.

`COUNTED` names for each attack a counter that it must raise, so that an alert can be about it. Counters of what a
client costs (`COST`) stand for attacks at which nothing is refused, because the gateway withstands them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.attacks.counted import COUNTED
from tidegate.admin.asking import Address, NotAnswered

REFUSALS = ("tidegate_events_total", "tidegate_errors_total", "tidegate_slowed_total", "tidegate_http_responses_total",
            "tidegate_closes_total")  # fmt: skip
COST = (
    "tidegate_read_seconds_total", "tidegate_receive_seconds_total", "tidegate_bytes_received_total",
    "tidegate_connects_total", "tidegate_accepted_total", "tidegate_late_total",
)  # fmt: skip
USUAL = re.compile(r'status="[123]|code="(1000|1001|1005|1006)"|event="(address_not_limited|admin_refused)"')
"""What innocent clients raise, too."""
SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.M)


def counters(address: Address) -> dict[str, float]:
    """The counters that an attack may raise; none where the gateway does not answer."""
    try:
        page = address.text("/metrics")
    except NotAnswered:
        return {}
    found = {name: float(value) for name, value in SAMPLE.findall(page)}
    return {
        name: value for name, value in found.items() if name.startswith((*REFUSALS, *COST)) and not USUAL.search(name)
    }


def raised(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By how much each counter has grown, the refusals first, and of these the largest."""
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    of = {name: value for name, value in grown.items() if value > 0}
    return dict(sorted(of.items(), key=lambda item: (not item[0].startswith(REFUSALS), -item[1])))


def unseen(attack: str, grown: Mapping[str, float]) -> list[str]:
    """What an operator should have seen of the attack and did not."""
    expected = COUNTED.get(attack)
    return [f"the counter {expected} did not rise"] if expected is not None and expected not in grown else []
