"""`tidegate check`: lints a schema folder, finds breaking changes, and checks a gateway against the schema.

Invariant: without `--fix`, it writes no files into the project.
Exit code 0: no findings. 1: findings. 2: the check could not run.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import random
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate import config
from tidegate.cli.claim_option import add_claim_option, claims_of
from tidegate.cli.fix_schemas import fix, fixable
from tidegate.cli.schema_problems import linted, schema_problems
from tidegate.config import ConfigError

if TYPE_CHECKING:
    from tidegate.schema import Schemas

PROGRESS_S = 5.0
USER = "contract-check"

EPILOG = """\
examples:
  tidegate check                               list all problems in ./schema, with file and JSON pointer
  tidegate check --schema shop/schema
  tidegate check --fix                         rewrite files of draft-04 to 2019-09 and of OpenAPI 3.0
  tidegate check compat --against v1.2.0       does the schema of today break clients made for that tag?
  tidegate check compat --against ../released/schema
  tidegate check contract --budget 60          does a gateway over ./schema keep to the schema?
"""

CONTRACT_EPILOG = """\
The command starts a gateway with a temporary database, sends it thousands of valid and invalid messages, and judges
each answer by the schema. It needs Schemathesis: pip install 'tidegate[contract]'

  tidegate check contract --handlers shop:gateway
  tidegate check contract --user 7 --claim org=harbour --claim 'teams=["red"]'
                                               sign in as a user who may read some rows
  tidegate check contract --bridge 8080        serve the gateway over HTTP, for `st run` and other HTTP tools
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "check",
        help="look for problems in schema files and for breaking changes",
        description="List the problems in a schema folder, or the changes that break older clients.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--fix", action="store_true", help="first rewrite words of older drafts and of OpenAPI, where that is certain"
    )
    config.add_arguments(parser)
    parser.set_defaults(run=run)
    checks = parser.add_subparsers(dest="check", metavar="CHECK")
    compat = checks.add_parser(
        "compat",
        help="find changes that break older clients",
        description="Compare the schema folder with an earlier state of it. Exits with 1 for a breaking change.",
    )
    compat.add_argument("--against", required=True, metavar="REF-or-FOLDER", help="a git ref, or a schema folder")
    config.add_arguments(compat)
    compat.set_defaults(run=run_compat)
    _register_contract(checks)


def _register_contract(checks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    contract = checks.add_parser(
        "contract",
        help="send generated messages to a gateway and judge its answers",
        description="Check that a gateway over the schema folder accepts, refuses and answers as the schema says.",
        epilog=CONTRACT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    contract.add_argument("--schema", metavar="DIR", help="folder with the schema files (default: ./schema)")
    contract.add_argument("--config", metavar="FILE", help="settings file; only its schema and handlers count")
    contract.add_argument("--handlers", metavar="MODULE:NAME", help="handlers of the application's messages")
    contract.add_argument(
        "--user", metavar="ID", default=USER, help=f"the id of the user that signs in (default: {USER})"
    )
    add_claim_option(contract, "a claim of that user")
    contract.add_argument(
        "--budget", type=float, default=60.0, metavar="SECONDS", help="how long the check runs (default: 60)"
    )
    contract.add_argument("--seed", type=int, help="the seed of an earlier run, to repeat it")
    contract.add_argument(
        "--bridge", type=int, metavar="PORT", help="serve the gateway's messages over HTTP until Ctrl-C"
    )
    contract.set_defaults(run=run_contract)


def run(args: argparse.Namespace) -> int:
    """Check the schema folder and its sample rows. Returns 1 for problems that are more than hints."""
    folder = _folder(args)
    if args.fix:
        fix(folder)
    schemas, problems = schema_problems(folder)
    for problem in problems:
        print(f"{folder}/{problem}", file=sys.stderr)
    if not all(problem.hint for problem in problems):
        if (count := fixable(folder)) > 0:
            print(f"{count} of the changes are certain; to make them, type: tidegate check --fix", file=sys.stderr)
        return 1
    counts = (
        (len(schemas.client), "request{}"),
        (len(schemas.server), "gateway message{}"),
        (len(schemas.resources), "resource{}"),
        (len(schemas.rooms), "kind{} of rooms"),
    )
    hints = f"no problems, {len(problems)} hint{'s' * (len(problems) != 1)}" if problems else "no problems"
    print(f"{hints}: {', '.join(f'{count} ' + what.format('s' * (count != 1)) for count, what in counts)}")
    return 0


def run_compat(args: argparse.Namespace) -> int:
    """Compare with an earlier state. Returns 1 for breaking changes, or if the linter finds problems."""
    from tidegate.schema.compat import compare  # noqa: PLC0415  # only this command needs it

    folder = _folder(args)
    with _earlier(args.against, folder) as earlier:
        old, new = _readable(earlier), _linted(folder)
    if old is None or new is None:
        return 1
    differences = compare(old, new)
    for difference in differences:
        print(difference)
    breaking = sum(difference.breaking for difference in differences)
    print(f"{breaking} breaking change{'' if breaking == 1 else 's'} since {args.against}")
    return 1 if breaking else 0


def run_contract(args: argparse.Namespace) -> int:
    """Check a running gateway. Returns 1 for violations."""
    missing = [name for name in ("schemathesis", "rfc3339_validator") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"this check needs {' and '.join(missing)}: pip install 'tidegate[contract]'")
    from tidegate.checks import contract_check  # noqa: PLC0415  # needs an extra
    from tidegate.checks.gateway_process import Identity, NotStarted  # noqa: PLC0415

    if args.budget <= 0:
        raise ConfigError("--budget must be more than 0 seconds")
    settings = config.load(args)
    folder = _folder(args)
    schemas = _linted(folder)
    if schemas is None:
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM must also stop the gateway
    start = random.randrange(2**31) if args.seed is None else args.seed  # noqa: S311  # not a secret
    identity = Identity(args.user, claims_of(args.claim, "use --user; the user has every role that the rules name"))
    target = contract_check.Target(folder, schemas, settings.handlers, identity)
    try:
        if args.bridge is not None:
            contract_check.serve(target, args.bridge)
            return 0
        report = contract_check.run(target, args.budget, start, _Progress())
    except NotStarted as error:
        raise ConfigError(f"the gateway to check did not start:\n{error}") from None
    print("\n".join(report.lines()))
    if not report.passed:
        print(f"repeat: tidegate check contract --schema {folder} --seed {start} --budget {args.budget:g}{_user(args)}")
    return 0 if report.passed else 1


def _user(args: argparse.Namespace) -> str:
    """The options that name another user than the default."""
    options = ["--user", args.user] if args.user != USER else []
    options += [part for claim in args.claim for part in ("--claim", claim)]
    return "".join(f" {shlex.quote(option)}" for option in options)


class _Progress:
    """Prints the progress of each part, at most every few seconds."""

    def __init__(self) -> None:
        self._printed: dict[str, float] = {}

    def __call__(self, text: str) -> None:
        part = text.rpartition(":")[0]
        now = time.monotonic()
        if now - self._printed.get(part, -PROGRESS_S) >= PROGRESS_S:
            self._printed[part] = now
            print(f"  {text}", file=sys.stderr, flush=True)


def _folder(args: argparse.Namespace) -> Path:
    folder = config.load(args).schema_folder
    if folder is None:
        raise ConfigError("the folder ./schema does not exist; name another folder with --schema")
    return folder


def _linted(folder: Path) -> Schemas | None:
    """The schemas of `folder`. If it has problems: prints them to stderr and returns None."""
    schemas, problems = linted(folder)
    for problem in problems:
        print(f"{folder}/{problem}", file=sys.stderr)
    return None if problems else schemas


def _readable(folder: Path) -> Schemas | None:
    """The schemas of an earlier state, which may break rules that did not exist then. Prints what is malformed."""
    from tidegate import schema  # noqa: PLC0415  # loads the validators

    try:
        schemas = schema.load(folder)
    except schema.SchemaError as error:
        raise ConfigError(str(error)) from None
    problems = schema.malformed(schemas)
    for problem in problems:
        print(f"{folder}/{problem}", file=sys.stderr)
    return None if problems else schemas


@contextmanager
def _earlier(against: str, folder: Path) -> Iterator[Path]:
    """The folder that `against` names. For a git ref: a copy of `folder` as it was at that ref."""
    if Path(against).is_dir():
        yield Path(against)
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
            inside = folder.resolve().relative_to(top.resolve()).as_posix()
            archive = _git(top, "archive", "--format=tar", f"{against}:{'' if inside == '.' else inside}")
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", b"").decode(errors="replace").strip()
            raise ConfigError(
                f"--against {against}: neither a folder nor a git ref that contains {folder}. {reason}"
            ) from None
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(place, filter="data")
        yield Path(place)


def _git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True).stdout  # noqa: S603, S607
