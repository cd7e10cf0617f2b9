"""One run of `tidegate dev`: generate, migrate and serve what the files say, and do so again after each save.

A round reads the files, generates code, asks the user, lets a new gateway load the application, migrates the database,
and only then replaces the old gateway with the new one.
Invariant: a round that fails leaves the old gateway as it was; a database changes wholly or not at all.
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


class DevelopmentRun:
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
        # Settings without a schema folder would mean the sample application.
        self._folder = settings.schema_folder or Path("schema")
        args.schema = str(self._folder)
        self._watch = Watch(
            lambda: look_at_application(self._folder, args.out, Path(args.config or config.CONFIG_FILE))
        )
        self._database = Database(terminal, lambda name: command(name, shown(args)), self._watch.changed)

    def run(self) -> None:
        """Serve and follow the files until KeyboardInterrupt. Raises ConfigError when the first round fails for it."""
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
        """End the gateway, and the one that was about to replace it."""
        gateways = [gateway for gateway in (self._next, self._gateway) if gateway is not None]
        self._next = self._gateway = None
        for gateway in gateways:
            gateway.stop()

    def _attempt(self, *, first: bool = False) -> None:
        """Run a round, and print why it fails."""
        try:
            self._round()
        except GivenUp:
            return  # the loop in `run` sees the saved file
        except schema.SchemaError as error:
            self._terminal.say("\n".join(f"{self._folder}/{problem}" for problem in error.problems))
        except (Problem, self._codegen.OutputError) as error:
            self._terminal.say(str(error))
        except self._codegen.GenerationError as error:
            self._terminal.say(f"tidegate: {error}")
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
        self._say_changed(f"{self._args.out}: ", written, "files")
        self._load(settings)
        self._say_changed("database: ", self._migrate(plan), "steps")
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
            if not plan.start_over:
                return self._database.apply(plan)
        except NeedsManualMigration as error:
            plan = self._database.start_over(plan, error)
        self._stop_gateway()  # it has the database open, which is about to be renamed
        return self._database.apply(plan)

    def _replace(self, start: float, schemas: schema.Schemas, contract: Contract) -> None:
        """Replace the old gateway with the next one."""
        assert self._next is not None
        again = self._port != 0
        self._stop_gateway()
        if not self._next.serve():
            raise Problem("the gateway did not start")
        moved = self._next.port != self._port
        self._gateway, self._next = self._next, None
        self._port = self._gateway.port
        self._say_mistakes(schemas)
        self._say_unreadable(schemas, contract)
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
        """Print once that the gateway ended by itself."""
        if self._gateway is not None and (code := self._gateway.ended) is not None:
            self._stop_gateway()
            self._terminal.say(f"the gateway ended with exit code {code}; save a file to start it again")

    def _say_changed(self, about: str, what: list[str], unit: str) -> None:
        if what:
            listed = ", ".join(what) if len(what) <= SHOWN else f"{len(what)} {unit}"
            self._terminal.say(f"  {about}{listed}")

    def _say_mistakes(self, schemas: schema.Schemas) -> None:
        """Print what `tidegate check` calls a mistake, though the gateway serves it."""
        found = [problem for problem in schema.mistakes(schemas) if not problem.hint]
        for problem in found[:SHOWN]:
            self._terminal.say(f"{self._folder}/{problem}")
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            self._terminal.say(f"the gateway serves this, but `tidegate check` fails{more}")

    def _say_unreadable(self, schemas: schema.Schemas, contract: Contract) -> None:
        """Print the resources that no client may read, and the line that changes it."""
        unreadable = [
            item
            for item in schemas.files("resources")
            if "x-access" in item.schema and "read" not in contract.resources[item.name].access
        ]
        if unreadable:
            more = f" and {len(unreadable) - SHOWN} more" if len(unreadable) > SHOWN else ""
            self._terminal.say(
                f"No client may read {', '.join(item.name for item in unreadable[:SHOWN])}{more}. To change this, "
                f"write into {self._folder}/{unreadable[0].file}:\n"
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
            return  # the gateway will print the error
        raise ConfigError(
            f"port {settings.port} is in use, perhaps by another `tidegate dev`; type: {again} --port 0 for a free one"
        ) from None
