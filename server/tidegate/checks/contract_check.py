"""The whole check of one schema folder: start a gateway, send generated messages, run Schemathesis, report.

`fuzz` and `schemathesis_run` do the checks. This module divides the time between them and adds up their numbers.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tidegate.checks import schemathesis_run
from tidegate.checks.bridge import Bridge
from tidegate.checks.client import CheckClient
from tidegate.checks.document import exact_operations, openapi
from tidegate.checks.fuzz import Fuzzer, FuzzTally, existing_keys
from tidegate.checks.gateway_process import Identity, gateway, unset_claims
from tidegate.checks.judge import Judge
from tidegate.checks.links import links
from tidegate.checks.oracle import Oracle
from tidegate.checks.schemathesis_run import Failure, SchemathesisTally
from tidegate.schema import Schemas

Tell = Callable[[str], None]
FUZZ_SHARE, CHECKS_SHARE, LINKS_SHARE = 0.5, 0.3, 0.2
"""The share of the time that each part gets."""
SHOWN_CHARACTERS = 4000
"""The report shows at most this many characters of a message."""


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers of all parts. `connections` is 1 unless the gateway ended a connection.

    `fuzz`: messages over WebSocket. `checks`: Schemathesis over the bridge. `links`: its walks along the links.
    """

    fuzz: FuzzTally
    checks: SchemathesisTally
    links: SchemathesisTally
    connections: int

    @property
    def cases(self) -> int:
        return self.fuzz.cases + sum(self.checks.steps.values()) + sum(self.links.steps.values())

    @property
    def failures(self) -> list[Failure]:
        return [*self.checks.failures, *self.links.failures]

    @property
    def errors(self) -> list[str]:
        return [*self.checks.errors, *self.links.errors]

    @property
    def passed(self) -> bool:
        return not (self.fuzz.violations or self.failures or self.errors) and self.connections == 1

    def lines(self) -> list[str]:
        """The text of the report."""
        fuzz = self.fuzz
        violations = len(fuzz.violations) + len(self.failures)
        replies = ", ".join(f"{count} {kind}" for kind, count in sorted(fuzz.replies.items()))
        return [
            f"WebSocket: {fuzz.cases} messages for {len(fuzz.by_operation)} operations; the schema accepts "
            f"{fuzz.accepted} and refuses {fuzz.refused}",
            f"  answers: {replies}",
            f"Schemathesis: {sum(self.checks.steps.values())} messages, {sum(self.checks.checks.values())} checks",
            f"links: {sum(self.links.steps.values())} messages, {sum(self.links.followed.values())} of them followed "
            f"a link, over {len(self.links.followed)} links",
            *self._findings(),
            f"cases: {self.cases}, connections: {self.connections}, violations: {violations}",
        ]

    def _findings(self) -> list[str]:
        lines: list[str] = []
        for violation in self.fuzz.violations:
            lines += ["VIOLATION", f"  > {_cut(violation.payload.decode(errors='replace'))}"]
            lines += [f"  {fault}" for fault in violation.faults]
        for failure in sorted(self.failures, key=lambda item: len(item.body))[:3]:
            lines += [
                f"VIOLATION of {failure.check}",
                f"  > {failure.address} {_cut(failure.body)}",
                f"  {_cut(failure.text)}",
            ]
        return [*lines, *(f"ERROR {error}" for error in dict.fromkeys(self.errors))]


@dataclass(frozen=True, slots=True)
class Target:
    """The application to check."""

    folder: Path | None
    schemas: Schemas
    handlers: str | None = None
    identity: Identity = field(default_factory=Identity)


def run(target: Target, budget: float, start: int, tell: Tell) -> Report:
    """Check for about `budget` seconds. Raises NotStarted if the gateway does not start."""
    if unset := unset_claims(target.schemas, target.identity):
        named = " ".join(f"--claim {name.split('.')[0]}=VALUE" for name in unset)
        tell(f"rules name claims that the user does not have, so that they allow no rows; type: {named}")
    with client(target) as connected:
        return run_over(connected, target.schemas, target.handlers is not None, budget, start, tell)


@contextmanager
def client(target: Target) -> Iterator[CheckClient]:
    """A client of a gateway that runs as long as the block. Raises NotStarted."""
    with (
        gateway(target.folder, target.schemas, target.handlers, target.identity) as address,
        CheckClient(address.url, address.token) as connected,
    ):
        yield connected


def run_over(client: CheckClient, schemas: Schemas, handlers: bool, budget: float, start: int, tell: Tell) -> Report:
    """Check a gateway that runs already. The check writes rows into its database."""
    if not handlers:
        schemas = without_custom_messages(schemas, tell)
    fuzz = Fuzzer(schemas, client, Judge(Oracle(schemas), handlers), start).run(
        budget * FUZZ_SHARE, lambda text: tell(f"WebSocket: {text}")
    )
    checks, walks = SchemathesisTally(), SchemathesisTally()
    if not fuzz.violations:
        bridge = bridged(client, schemas)
        checks = schemathesis_run.run(
            bridge,
            budget * CHECKS_SHARE,
            start,
            ("coverage", "fuzzing"),
            progress=lambda text: tell(f"Schemathesis: {text}"),
        )
        walks = schemathesis_run.run(
            bridge, budget * LINKS_SHARE, start, ("stateful",), progress=lambda text: tell(f"links: {text}")
        )
    return Report(fuzz, checks, walks, client.opened)


def without_custom_messages(schemas: Schemas, tell: Tell) -> Schemas:
    """`schemas` without the application's own requests: a gateway without handlers does not answer them."""
    custom = [name for name, item in schemas.client.items() if not item.protocol]
    if custom:
        tell(f"not checked, because --handlers is missing: {', '.join(custom)}")
    kept = (item for item in schemas.definitions if item.kind != "client" or item.message_type not in custom)
    return replace(schemas, definitions=tuple(kept))


def bridged(client: CheckClient, schemas: Schemas) -> Bridge:
    """A bridge over `client`. Its document names keys of rows that exist now."""
    operations = exact_operations(schemas)
    document = openapi(schemas, existing_keys(client, schemas), lambda item: links(item, operations, schemas))
    return Bridge(client, schemas, document)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}... ({len(text):,} characters)"


def serve(target: Target, port: int) -> None:
    """Start a gateway and serve its bridge on 127.0.0.1 until SIGINT or SIGTERM. Raises NotStarted."""
    with client(target) as connected:
        bridge = bridged(connected, target.schemas)
        with make_server("127.0.0.1", port, bridge, handler_class=QuietHandler) as server:
            # KeyboardInterrupt would not do: wsgiref swallows it during a request. `shutdown` waits for the loop and
            # therefore needs a thread.
            for signum in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signum, lambda *_: threading.Thread(target=server.shutdown).start())
            print(f"try: st run http://127.0.0.1:{server.server_port}/openapi.json", flush=True)
            server.serve_forever()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: there are thousands of requests."""
