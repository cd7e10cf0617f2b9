"""`tidegate generate`: schema files in, typed Python and TypeScript, the bundle and the documents out.

Invariant: whatever is wrong with the schemas, the old output stays as it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tidegate import config
from tidegate.config import ConfigError

DESCRIPTION = """\
Write typed models for an application's schema folder:

  OUT/python/app_contract/   rows, filters, room payloads and messages as msgspec Structs
  OUT/typescript/app.ts      the same as TypeScript, for the npm package `tidegate`
  OUT/schema/bundle.json     all of it in one JSON Schema document
  OUT/asyncapi.json          the WebSocket as an AsyncAPI 3.0 document
  OUT/openapi.json           the HTTP endpoints as an OpenAPI 3.1 document
"""
EPILOG = """\
examples:
  tidegate generate                                  ./schema -> ./generated
  tidegate generate --schema shop/schema --out shop/contract
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
        "--out", type=Path, default=Path("generated"), metavar="DIR", help="where to write (default: ./generated)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the output is up to date")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate, or check. Returns the exit code: 1 for broken schemas, a foreign file in the way, or stale output."""
    # The generators take a second to import; only this command needs them.
    from tidegate import codegen, schema  # noqa: PLC0415

    folder = config.load(args).schema_folder
    if folder is None:
        raise ConfigError("there is no folder ./schema; name another with --schema")
    try:
        files = codegen.generate(schema.load(folder))
        if args.check:
            return _check(list(codegen.compare(files, args.out)), args.out)
        changed = codegen.write(files, args.out)
    except (schema.SchemaError, codegen.OutputError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tidegate: cannot write {error.filename or args.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{args.out}: {len(files)} files, {len(changed)} changed")
    return 0


def _check(diff: list[str], out: Path) -> int:
    if not diff:
        print(f"{out}: up to date")
        return 0
    print("\n".join(diff))
    print(f"tidegate: {out} is not up to date with the schema; run `tidegate generate`", file=sys.stderr)
    return 1
