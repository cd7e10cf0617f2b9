"""One run of `tidegate dev`: bring everything to where the files are, serve, and do so again after each save.

A round reads the files, generates code, asks what is to be asked, lets a new gateway load the application, migrates,
and only then puts the new gateway in the place of the old one.
Invariant: a round that fails leaves the gateway of before as it was; a database is changed wholly or not at all.
"""

from __future__ import annotations

import argparse
import errno
import socket
import time
from pathlib import Path

from tidegate import config, schema
from tidegate.cli.development.database import Database, Plan, Problem
from tidegate.cli.development.existing import describe_database
from tidegate.cli.development.gateway import GatewayProcess
from tidegate.cli.development.terminal import GivenUp, Terminal
from tidegate.cli.generate import generators
from tidegate.cli.suggested_commands import command
from tidegate.cli.watch import Watch, look_at_application, pause
from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.store.errors import NeedsManualMigration

SHOWN = 8


class Session:
    """The files, the database and the gateway of one run. `close` ends the gateway."""

    def __init__(self, args: argparse.Namespace, terminal: Terminal) -> None:
        self._args = args
        self._terminal = terminal
        self._codegen = generators("dev")
        self._gateway: GatewayProcess | None = None
        self._next: GatewayProcess | None = None
        self._port = 0
        settings = config.load(args)
        _look_for_port(settings, command("dev", args))
        if settings.schema_folder is None:
            describe_database(settings, terminal, args.access)
        elif args.access:
            raise ConfigError("--access is for the files that dev writes, and there are some; set x-access in them")
        # Named from here on: without the folder, settings would mean the sample application.
        self._folder = settings.schema_folder or Path("schema")
        args.schema = str(self._folder)
        self._watch = Watch(
            lambda: look_at_application(self._folder, args.out, Path(args.config or config.CONFIG_FILE))
        )
        self._database = Database(terminal, lambda name: command(name, shown(args)), self._watch.changed)

    def run(self) -> None:
        """Serve and follow the files until KeyboardInterrupt. Raises ConfigError when it cannot begin."""
        try:
            self._attempt(first=True)
            self._terminal.say(f"following {self._folder}, Python files and settings; Ctrl-C ends it")
            while True:
                pause()
                self._look_at_gateway()
                if changes := self._watch.changes():
                    self._terminal.say("\n" + "\n".join(changes))
                    self._attempt()
        finally:
            self.close()

    def close(self) -> None:
        """End the gateway, and one that was about to take its place."""
        gateways = [gateway for gateway in (self._next, self._gateway) if gateway is not None]
        self._next = self._gateway = None
        for gateway in gateways:
            gateway.stop()

    def _attempt(self, *, first: bool = False) -> None:
        """A round, and what is to be said of it if it fails."""
        try:
            self._round()
        except GivenUp:
            return  # the loop sees what was saved
        except schema.SchemaError as error:
            self._terminal.say("\n".join(f"{self._folder}/{problem}" for problem in error.problems))
        except (Problem, self._codegen.OutputError) as error:
            self._terminal.say(str(error))
        except ConfigError as error:
            if first:
                raise
            self._terminal.say(f"tidegate: {error}")
        else:
            return
        finally:
            if self._next is not None:
                self._next.stop()
                self._next = None
        serving = "the gateway goes on as before" if self._gateway is not None else "no gateway runs"
        self._terminal.say(f"{serving}; save a file to try again")

    def _round(self) -> None:
        start = time.monotonic()
        settings = config.load(self._args)
        if not self._folder.is_dir():
            raise Problem(f"there is no folder {self._folder} any more")
        try:
            schemas = schema.load(self._folder)
        except OSError as error:
            raise Problem(f"cannot read {error.filename}: {error.strerror}") from None
        files = self._codegen.generate(schemas)
        contract = Contract(schema.bundle(schemas))
        plan = self._database.plan(settings, contract.resources)
        try:
            written = self._codegen.write(files, self._args.out)
        except OSError as error:
            raise Problem(f"cannot write {error.filename or self._args.out}: {error.strerror}") from None
        self._tell(f"{self._args.out}: ", written, "files")
        self._load(settings)
        self._tell("database: ", self._migrate(plan), "steps")
        self._replace(start, schemas, contract)

    def _load(self, settings: Settings) -> None:
        """Let the next gateway load the application."""
        args = self._args
        given = {"--database": args.database, "--config": args.config, "--handlers": args.handlers}
        given |= {"--log-level": args.log_level, "--schema": str(self._folder), "--host": args.host}
        given["--port"] = str(settings.port or self._port)
        options = [part for option, value in given.items() if value is not None for part in (option, value)]
        self._next = GatewayProcess(["--dev", *options], self._terminal.say)
        if not self._next.prepared():
            raise Problem("the application cannot be loaded")

    def _migrate(self, plan: Plan) -> list[str]:
        try:
            if not plan.begin_again:
                return self._database.apply(plan)
        except NeedsManualMigration as error:
            plan = self._database.begin_again(plan, error)
        self._stop_gateway()  # it has the database open that is about to be set aside
        return self._database.apply(plan)

    def _replace(self, start: float, schemas: schema.Schemas, contract: Contract) -> None:
        """Put the next gateway in the place of the one before."""
        assert self._next is not None
        again = self._port != 0
        self._stop_gateway()
        if not self._next.serve():
            raise Problem("the gateway did not start")
        moved = self._next.port != self._port
        self._gateway, self._next = self._next, None
        self._port = self._gateway.port
        self._tell_unseen(schemas, contract)
        if not again:
            self._terminal.say("DEVELOPMENT MODE: tokens signed with the public development secret are accepted")
        if again:
            self._terminal.say(f"gateway reloaded in {time.monotonic() - start:.1f} s")
        if moved or not again:
            address = self._gateway.url.removeprefix("http")
            self._terminal.say(f"tidegate: serving on http{address}  (WebSocket: ws{address}/ws)")

    def _stop_gateway(self) -> None:
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            gateway.stop()

    def _look_at_gateway(self) -> None:
        """Say once when the gateway ended by itself."""
        if self._gateway is not None and (code := self._gateway.ended) is not None:
            self._stop_gateway()
            self._terminal.say(f"the gateway ended with exit code {code}; save a file to start it again")

    def _tell(self, about: str, what: list[str], unit: str) -> None:
        if what:
            told = ", ".join(what) if len(what) <= SHOWN else f"{len(what)} {unit}"
            self._terminal.say(f"  {about}{told}")

    def _tell_unseen(self, schemas: schema.Schemas, contract: Contract) -> None:
        """Name the resources that no client may read, and the line that changes it."""
        unseen = [item for item in schemas.files("resources") if "read" not in contract.resources[item.name].access]
        if unseen:
            more = f" and {len(unseen) - SHOWN} more" if len(unseen) > SHOWN else ""
            self._terminal.say(
                f"No client may read {', '.join(item.name for item in unseen[:SHOWN])}{more}. To change that, write "
                f"into {self._folder}/{unseen[0].file}:\n"
                '  "x-access": {"read": "anyone"}      or "authenticated", or "role:NAME"'
            )


def shown(args: argparse.Namespace) -> argparse.Namespace:
    """`args` for commands in messages: the folder ./schema needs no option."""
    return argparse.Namespace(**{**vars(args), "schema": None if args.schema == "schema" else args.schema})


def _look_for_port(settings: Settings, again: str) -> None:
    """Raises ConfigError if another program listens on the port."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return  # the gateway says what it is
        raise ConfigError(
            f"port {settings.port} is in use, perhaps by another `tidegate dev`; type: {again} --port 0 for a free one"
        ) from None
