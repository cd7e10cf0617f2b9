"""Which gateways live, as each of them finds out from the leases that all of them renew.

A gateway that beats has a lease. Where the lease ended, its users are ghosts for the grace; then any gateway may bury
it: delete what it said of its users. Pure: it neither beats nor buries. Its engine tells what a beat found, and does
what the answer says. All times are of the engine's clock, one for all gateways, in seconds.
Invariant: a gateway that is not buried stays in the list of leases, so that a burial that was not finished is begun
again by the next beat of any gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tidegate.core.rooms.ports import OtherGateway, Standing
from tidegate.engines.setup import LeaseTimes

NAMES = 64
"""The newest names of a gateway, which it keeps in any case: others may still use them, such as for its streams."""


class Beat(NamedTuple):
    """What follows from one beat."""

    changes: Mapping[str, Standing]
    """The gateways whose standing is another one than before: to be told with `EngineListener.gateway`."""
    bury: tuple[str, ...] = ()
    """Gateways to bury. Another gateway may do the same at the same time."""
    given_up: bool = False
    """The others buried this gateway: it goes on under another name, and says again who is present through it."""


class Leases:
    """The other gateways, as `node` sees them."""

    def __init__(self, node: str, times: LeaseTimes) -> None:
        self._times = times
        self._standing: dict[str, Standing] = {}
        self._ends: Mapping[str, float] = {}
        """When the lease of each gateway ends, and when that was so, as the last beat has found it."""
        self._found_at = 0.0
        self.node = node
        """This gateway."""
        self.names = [node]
        """What it is named, or was, the oldest first."""
        self._beaten = False
        """Whether it is in the list of leases, as far as it knows."""

    def standing(self, node: str) -> Standing:
        """A gateway that no beat has shown yet is new, and lives."""
        return self._standing.get(node, "present")

    def beaten(self, known: bool, ends: Mapping[str, float], now: float) -> Beat:
        """This gateway renewed its lease. `known`: whether it had one. `ends`: when the lease of each gateway ends."""
        given_up = self._beaten and not known
        self._beaten = True
        self._ends, self._found_at = ends, now
        before, self._standing = (
            self._standing,
            {node: "present" if end > now else "leaving" for node, end in ends.items() if node != self.node},
        )
        changes: dict[str, Standing] = {
            node: standing for node, standing in self._standing.items() if before.get(node, "present") != standing
        }
        changes |= {node: "gone" for node in before if node not in self._standing}
        bury = tuple(node for node, end in ends.items() if node != self.node and self.due(end, now))
        return Beat(changes, bury, given_up)

    def others(self, since: float) -> list[OtherGateway]:
        """The other gateways. `since`: seconds since the last beat was answered."""
        now = self._found_at + since
        return [
            OtherGateway(node, standing, max(0.0, now - (self._ends.get(node, now) - self._times.lease)))
            for node, standing in self._standing.items()
        ]

    def due(self, end: float, now: float) -> bool:
        """Whether a gateway whose lease ended at `end` may be buried. A burial asks this again for each room, because
        the gateway may have beaten again.
        """
        return now - end >= self._times.grace

    def left(self, node: str) -> Mapping[str, Standing]:
        """A gateway says that it leaves: what to tell."""
        if node == self.node or self._standing.get(node) == "leaving":
            return {}
        self._standing[node] = "leaving"
        return {node: "leaving"}

    def renamed(self, node: str) -> None:
        """This gateway goes on as `node`, which has no lease yet."""
        self.node = node
        self.names = [*self.names, node][-NAMES:]
        self._beaten = False
