"""`tidegate generate`: writes typed Python and TypeScript, the bundle and the documents from schema files.

Invariant: if the schemas have problems, the old output stays unchanged.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tidegate import config
from tidegate.cli.watch import watch
from tidegate.config import ConfigError

GENERATORS = ("datamodel_code_generator", "ruff")
"""The packages of the extra `codegen`."""
DESCRIPTION = """\
Write typed models for an application's schema folder:

  OUT/python/app_contract/   rows, filters, room messages and custom messages as msgspec Structs
  OUT/typescript/app.ts      the same as TypeScript, for the npm package `tidegate`
  OUT/schema/bundle.json     the whole contract in one JSON Schema document
  OUT/asyncapi.json          the WebSocket as an AsyncAPI 3.0 document
  OUT/openapi.json           the HTTP endpoints as an OpenAPI 3.1 document
"""
EPILOG = """\
examples:
  tidegate generate                                  ./schema -> ./generated
  tidegate generate --schema shop/schema --out shop/contract
  tidegate generate --watch                          again after each save, while you edit
  tidegate generate --check                          exit 1 and print a diff if the output is not up to date
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "generate",
        help="write typed models and the TypeScript contract",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("generated"), metavar="DIR", help="output folder (default: ./generated)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="write nothing; report whether the output is up to date")
    how.add_argument("--watch", action="store_true", help="generate again after each save, until Ctrl-C")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate, or check. Returns the exit code: 1 for schema problems, a foreign file in the way, or old output."""
    folder = config.load(args).schema_folder
    if folder is None:
        raise ConfigError("the folder ./schema does not exist; name another folder with --schema")
    if not args.watch:
        return generate(folder, args)
    watch(folder, lambda: generate(folder, args))
    return 0


def generators(command: str) -> ModuleType:
    """The package `tidegate.codegen`. Raises ConfigError if the extra `codegen` is not installed."""
    if any(importlib.util.find_spec(name) is None for name in GENERATORS):
        raise ConfigError(f"{command} writes typed code and needs the generators: pip install 'tidegate[codegen]'")
    return importlib.import_module("tidegate.codegen")


def generate(folder: Path, args: argparse.Namespace) -> int:
    """Generate, or check, once."""
    from tidegate import schema  # noqa: PLC0415

    codegen = generators("generate")
    try:
        files = codegen.generate(schema.load(folder))
        if args.check:
            return _check(list(codegen.compare(files, args.out)), args.out)
        changed = codegen.write(files, args.out)
    except (schema.SchemaError, codegen.OutputError) as error:
        print(error, file=sys.stderr)
        return 1
    except codegen.GenerationError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tidegate: cannot write {error.filename or args.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{args.out}: {len(files)} files, {len(changed)} changed")
    if args.watch:
        print("".join(f"  {path}\n" for path in changed), end="", flush=True)
    return 0


def _check(diff: list[str], out: Path) -> int:
    if not diff:
        print(f"{out}: up to date")
        return 0
    print("\n".join(diff))
    print(f"tidegate: {out} is not up to date with the schema; run `tidegate generate`", file=sys.stderr)
    return 1
