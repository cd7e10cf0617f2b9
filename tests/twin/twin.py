"""Makes pairs of databases with the owner's tables, shares one of each pair as the documents say, and plays families.

The schema files come from `tidegate introspect`, the log and triggers from `tidegate migrate`. That is done once for
the tables of some families; each pair is then a copy.
"""

from __future__ import annotations

import io
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.twin.live_copy import LiveCopy
from tests.twin.pair import Pair, Side
from tests.twin.postgres_side import PostgresSide
from tests.twin.shared_tables import NOTICE_S, Copy, resources
from tests.twin.sqlite_side import SqliteSide
from tests.twin.statements import OWNER, Difference, Family, Statement
from tidegate import cli

ROLES = (OWNER, "clerk", "guest")


class Place:
    """Two databases of one kind with the tables of `families`, of which the first is shared. Its pairs are copies."""

    def __init__(self, families: Sequence[Family], folder: Path, server: PostgresServer | None) -> None:
        self.database = families[0].database
        self.said = ""
        """What `introspect` and `migrate` printed."""
        self._folder = Path(mkdtemp(dir=folder))
        self._server = server
        self._numbers = itertools.count(1)
        self._names = self._databases()
        with self._pair(*self._names) as pair:
            for statement in dict.fromkeys(text for family in families for text in family.tables):
                for side in (pair.shared, pair.untouched):
                    _made(side, statement)
        self._share()

    @property
    def schema(self) -> Path:
        return self._folder / "schema"

    def url(self, name: str) -> str:
        return self._server.url(name, OWNER) if self._server is not None else f"sqlite:///{name}"

    @contextmanager
    def pair(self) -> Iterator[tuple[Pair, str, Path]]:
        """A new pair, the URL of the shared database, and a folder for its gateway, which has the schema files too."""
        folder = self._folder / str(next(self._numbers))
        shutil.copytree(self.schema, folder / "schema")
        if self._server is not None:
            names = [self._server.database(template) for template in self._names]
            for name in names:
                self._server.script(f"alter database {name} owner to {OWNER}")
        else:
            names = [str(shutil.copy(Path(name), folder / Path(name).name)) for name in self._names]
        with self._pair(*names) as pair:
            yield pair, self.url(names[0]), folder
        if self._server is not None:
            for name in names:
                self._server.script(f"drop database {name} with (force)")

    def gateway(self, folder: Path, url: str) -> GatewayProcess:
        options = ("--dev", "--schema", "schema")
        if self._server is not None:
            return PostgresGateway(folder, url, *options)
        return GatewayProcess(folder, "--database", url, *options)

    @contextmanager
    def _pair(self, shared: str, untouched: str) -> Iterator[Pair]:
        sides: list[Side] = []
        for name in (shared, untouched):
            sides.append(SqliteSide(Path(name)) if self._server is None else PostgresSide(self._server, name))
        pair = Pair(self.database, *sides)
        try:
            yield pair
        finally:
            pair.close()

    def _databases(self) -> list[str]:
        if self._server is None:
            return [str(self._folder / "tidegate.db"), str(self._folder / "untouched.db")]
        for role in ROLES:
            self._server.script(f"do $$ begin create role {role} login; exception when duplicate_object then end $$")
        names = [self._server.database() for _ in range(2)]
        for name in names:
            self._server.script(f"alter database {name} owner to {OWNER}")
        return names

    def _share(self) -> None:
        url, said = self.url(self._names[0]), io.StringIO()
        self.schema.mkdir()
        out = ("--out", str(self.schema / "resources"), "--access", "read=anyone")
        with redirect_stdout(said), redirect_stderr(said):
            codes = [
                cli.main(["introspect", "--database", url, *out]),
                cli.main(["migrate", "--database", url, "--schema", str(self.schema)]),
            ]
        self.said = said.getvalue()
        if codes != [0, 0]:
            raise Difference(f"the database cannot be shared:\n{self.said}")
        if self._server is None:  # the gateway's SQLite has switched it to write-ahead logging, which stays
            with self._pair(*self._names) as pair:
                _made(pair.untouched, "pragma journal_mode = wal")


class Twin:
    """A pair and a copy of its shared rows."""

    def __init__(self, pair: Pair, copy: Copy) -> None:
        self.pair, self.copy = pair, copy
        self.checks = self.told = self.begun = 0
        self._may_tell = False

    def play(self, family: Family, seed: int, episodes: int, patience: float = NOTICE_S) -> None:
        """Raises Difference. `begun` then says in which of the episodes."""
        self.pair.steps.clear()
        self.begun = 0
        try:
            for episode in itertools.islice(family.episodes(Random(seed)), episodes):
                self.begun += 1
                for step in episode:
                    self.pair.take(step)
                    self._may_tell |= step.breaks
                self.pair.compare_content()
                self._check(patience)
        except Difference as difference:
            replay = f"python -m tests.twin --family '{family.name}' --database {family.database} --seed {seed}"
            raise Difference(f"{family.name} on {family.database}: {replay}\n{difference}") from None

    def _check(self, patience: float) -> None:
        if self.told:
            return  # the gateway has said that it needs its operator
        self.checks += 1
        if not self.copy.check(patience):
            self.told += 1
            if not self._may_tell:
                self.pair.differ(f"the gateway says that it cannot go on:\n{self.copy.log()[-1500:]}")


@contextmanager
def opened(families: Sequence[Family], folder: Path, server: PostgresServer | None) -> Iterator[Twin]:
    """A new twin with the tables of `families`, and a gateway in a process."""
    place = Place(families, folder, server if families[0].database == "postgresql" else None)
    with place.pair() as (pair, url, here):
        gateway = place.gateway(here, url)
        gateway.start()
        try:
            twin = Twin(pair, LiveCopy(gateway, resources(place.schema), pair))
            yield twin
            twin.copy.close()
        finally:
            gateway.stop()


def _made(side: Side, sql: str) -> None:
    outcome = side.run(Statement(sql))
    assert not outcome.error, f"{sql}: {outcome.error}"
