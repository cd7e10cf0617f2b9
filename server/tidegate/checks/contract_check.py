"""The whole check of one schema folder: a gateway of its own, generated messages, stock checks, journeys, a report.

What each part does is in `campaign` and `stock`; this only deals out the time and puts the numbers together.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tidegate.checks import schemathesis_run
from tidegate.checks.bridge import Bridge
from tidegate.checks.client import Line
from tidegate.checks.document import exact_operations, openapi
from tidegate.checks.fuzz import Campaign, Tally, existing_keys
from tidegate.checks.gateway_process import gateway
from tidegate.checks.judge import Judge
from tidegate.checks.links import links
from tidegate.checks.oracle import Oracle
from tidegate.checks.schemathesis_run import Failure, StockTally
from tidegate.schema import Schemas

Tell = Callable[[str], None]
CAMPAIGN, STOCK, JOURNEYS = 0.5, 0.3, 0.2
"""How the time is dealt out."""
LONGEST = 4000
"""Characters of a message that are shown."""


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers. `connections` is 1 unless the gateway ended one."""

    campaign: Tally
    stock: StockTally
    journeys: StockTally
    connections: int

    @property
    def cases(self) -> int:
        return self.campaign.cases + sum(self.stock.steps.values()) + sum(self.journeys.steps.values())

    @property
    def failures(self) -> list[Failure]:
        return [*self.stock.failures, *self.journeys.failures]

    @property
    def errors(self) -> list[str]:
        return [*self.stock.errors, *self.journeys.errors]

    @property
    def sound(self) -> bool:
        return not (self.campaign.violations or self.failures or self.errors) and self.connections == 1

    def lines(self) -> list[str]:
        """The report in words."""
        campaign = self.campaign
        violations = len(campaign.violations) + len(self.failures)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(campaign.replies.items()))
        return [
            f"WebSocket: {campaign.cases} cases of {len(campaign.by_operation)} operations, by the schema "
            f"{campaign.accepted} accepted and {campaign.refused} refused",
            f"  answers: {counted}",
            f"stock checks: {sum(self.stock.steps.values())} cases, {sum(self.stock.checks.values())} checks",
            f"journeys: {sum(self.journeys.steps.values())} steps, {sum(self.journeys.followed.values())} of them "
            f"after another, over {len(self.journeys.followed)} links",
            *(self._told()),
            f"cases: {self.cases}, connections: {self.connections}, violations: {violations}",
        ]

    def _told(self) -> list[str]:
        told: list[str] = []
        for violation in self.campaign.violations:
            told += ["VIOLATION", f"  > {_cut(violation.payload.decode(errors='replace'))}"]
            told += [f"  {fault}" for fault in violation.faults]
        for failure in sorted(self.failures, key=lambda item: len(item.body))[:3]:
            told += [
                f"VIOLATION of {failure.check}",
                f"  > {failure.address} {_cut(failure.body)}",
                f"  {_cut(failure.text)}",
            ]
        return [*told, *(f"ERROR {error}" for error in dict.fromkeys(self.errors))]


def run(folder: Path | None, schemas: Schemas, handlers: str | None, budget: float, start: int, tell: Tell) -> Report:
    """Check for about `budget` seconds. Raises NotStarted if the gateway does not start."""
    with gateway(folder, schemas, handlers) as address, Line(address.url, address.token) as line:
        return run_over(line, schemas, handlers is not None, budget, start, tell)


def run_over(line: Line, schemas: Schemas, handlers: bool, budget: float, start: int, tell: Tell) -> Report:
    """The same over a connection to a gateway that runs already, and whose rows may be written."""
    if not handlers:
        schemas = without_own_messages(schemas, tell)
    campaign = Campaign(schemas, line, Judge(Oracle(schemas), handlers), start).run(
        budget * CAMPAIGN, lambda text: tell(f"WebSocket: {text}")
    )
    checked, journeys = StockTally(), StockTally()
    if not campaign.violations:
        bridge = bridged(line, schemas)
        checked = schemathesis_run.run(
            bridge, budget * STOCK, start, ("coverage", "fuzzing"), progress=lambda text: tell(f"stock checks: {text}")
        )
        journeys = schemathesis_run.run(
            bridge, budget * JOURNEYS, start, ("stateful",), progress=lambda text: tell(f"journeys: {text}")
        )
    return Report(campaign, checked, journeys, line.opened)


def without_own_messages(schemas: Schemas, tell: Tell) -> Schemas:
    """`schemas` without the application's own requests: without handlers nobody answers them."""
    own = [name for name, item in schemas.client.items() if not item.protocol]
    if own:
        tell(f"not tried, for there are no --handlers: {', '.join(own)}")
    kept = (item for item in schemas.definitions if item.kind != "client" or item.message_type not in own)
    return replace(schemas, definitions=tuple(kept))


def bridged(line: Line, schemas: Schemas) -> Bridge:
    """The HTTP side of a connection, its document made for the rows that exist now."""
    operations = exact_operations(schemas)
    document = openapi(schemas, existing_keys(line, schemas), lambda item: links(item, operations, schemas))
    return Bridge(line, schemas, document)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"


def serve(folder: Path | None, schemas: Schemas, handlers: str | None, port: int) -> None:
    """Serve a gateway's bridge on 127.0.0.1 until SIGINT or SIGTERM. Raises NotStarted."""
    with gateway(folder, schemas, handlers) as address, Line(address.url, address.token) as line:
        bridge = bridged(line, schemas)
        with make_server("127.0.0.1", port, bridge, handler_class=QuietHandler) as server:
            # Not by KeyboardInterrupt: wsgiref swallows one in the middle of a request. `shutdown` waits for the loop.
            for signum in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signum, lambda *_: threading.Thread(target=server.shutdown).start())
            print(f"try: st run http://127.0.0.1:{server.server_port}/openapi.json", flush=True)
            server.serve_forever()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: there are thousands of requests."""
