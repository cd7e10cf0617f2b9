"""`tidegate init`: writes a small application with one resource, one room and one custom message.

`--react` adds a second resource and a web page that lists its rows.

Invariant: it replaces only files that Tidegate wrote. If another file is in the way, it writes nothing.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tidegate import schema
from tidegate.config import ConfigError
from tidegate.schema.definition import KINDS

EPILOG = """\
examples:
  tidegate init shop       a new application in ./shop
  tidegate init shop --react  also a page in React in ./shop/web, which lists users live
  tidegate init --meta     only ./schema/meta, with which editors check schema files; repeat it after an update

Then, in the folder: tidegate dev.
"""
APPENDED = ("README.md", ".gitignore")
"""Files of `--react` whose text is appended to the starter's file. Other files are new or replace the starter's."""
CODE = ".txt"
"""The suffix of Python files in the package that are templates and not code."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "init",
        help="write a small application as a start",
        description="Write a small application as a start: schema files, a handler, settings, a README.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), metavar="DIR", help="target folder (default: this folder)"
    )
    parser.add_argument("--react", action="store_true", help="add a web page in React, in DIR/web")
    parser.add_argument("--meta", action="store_true", help="write only DIR/schema/meta")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    folder: Path = args.folder
    if args.meta and args.react:
        raise ConfigError("init: --meta writes only schema/meta; leave out --react")
    meta = meta_files()
    files = meta if args.meta else starter_files(react=args.react) | meta
    new = [name for name in files if name not in meta]
    folders = [f"schema/{kind}" for kind in KINDS if not args.meta] + ["web"] * args.react
    taken = [name for name in [*folders, *new] if (folder / name).exists()]
    if taken:
        raise ConfigError(
            f"init: {folder / taken[0]} already exists, so nothing was written; "
            "`tidegate init DIR` uses another folder, `tidegate init --meta` writes only schema/meta"
        )
    try:
        for name, text in files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"init: cannot write {error.filename}: {error.strerror}") from None
    print("\n".join(str(folder / name) for name in sorted(files)))
    if not args.meta:
        into = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
        print(f"\nnext: {into}tidegate dev", file=sys.stderr)
    if args.react:
        print(
            f"and in another terminal: cd {shlex.quote(str(folder / 'web'))} && npm install && npm run dev",
            file=sys.stderr,
        )
    return 0


def starter_files(*, react: bool = False) -> dict[str, str]:
    """The text of each file of the new application, by path. `react` adds the web page and its resource."""
    package = resources.files("tidegate")
    files = dict(_texts(package / "starter", ""))
    for name, text in _texts(package / "starter_react", "") if react else []:
        files[name] = files[name] + text if name in APPENDED else text
    return files


def meta_files() -> dict[str, str]:
    """The meta-schemas of this version of Tidegate."""
    meta = schema.packaged_bundle()[schema.INDEX]["meta"]
    return {
        f"schema/meta/{name}": json.dumps(written, indent=2, ensure_ascii=False) + "\n"
        for name, written in meta.items()
    }


def _texts(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _texts(entry, f"{path}{entry.name}/")
        else:
            found.append((path + entry.name.removesuffix(CODE), entry.read_text(encoding="utf-8")))
    return found
