"""`tidegate config check`: prints every setting with its value and where it comes from, and what is risky about it.

It reads the settings as `tidegate serve` does, and starts nothing.
Invariant: it prints no secret and no password.
"""

from __future__ import annotations

import argparse
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate import config, urls
from tidegate.config import Settings

if TYPE_CHECKING:
    from tidegate.production import Risk

SECRET = ("secret", "admin_secret")
HIDDEN = "(hidden)"
URLS = ("database", "engine", "jwks")
DEFAULT = "default"

EPILOG = """\
examples:
  tidegate config check
  tidegate config check --config /etc/tidegate/tidegate.toml
  TIDEGATE_HOST=0.0.0.0 tidegate config check

It reads the settings as `tidegate serve` does: the file, the environment, the options. Type it where the gateway runs,
as its user. The exit code is 0 without risks, 1 with risks, and 2 for settings that `tidegate serve` refuses.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "config",
        help="show the settings, and what is risky about them",
        description="Show the settings, and what is risky about them in production.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="print each setting with its value and its source, and what is risky about it in production",
        description="Print each setting with its value and its source, and what is risky about it in production.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config.add_arguments(check)
    check.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    check.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Returns 1 where there is a risk. Raises ConfigError."""
    import resource  # noqa: PLC0415  # only this command needs it

    from tidegate import identities, production  # noqa: PLC0415  # loads PyJWT

    settings, found = config.load_with_sources(args)
    identities.token_keys(settings)
    identities.rules(settings)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = None if hard == resource.RLIM_INFINITY else hard
    risks = production.risks(settings, limit, _readable(settings, found))
    if args.json:
        print(_as_json(settings, found, risks))
    else:
        _print(settings, found, risks)
    return 1 if risks else 0


def _print(settings: Settings, found: dict[str, str], risks: list[Risk]) -> None:
    rows = [(name, _shown(settings, name), found.get(name, DEFAULT)) for name in settings.__struct_fields__]
    rows = [("setting", "value", "source"), *sorted(rows)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, source in rows:
        print(f"{name:{first}}  {value:{min(second, 40)}}  {source}")
    print()
    if not risks:
        print("no risks for production")
        return
    print(f"{len(risks)} {'risk' if len(risks) == 1 else 'risks'} for production:")
    for risk in risks:
        print(f"  {risk.setting}: {risk.text}")


def _as_json(settings: Settings, found: dict[str, str], risks: list[Risk]) -> str:
    shown = {
        name: {"value": _shown(settings, name), "source": found.get(name, DEFAULT)}
        for name in settings.__struct_fields__
    }
    return json.dumps({"settings": shown, "risks": [risk._asdict() for risk in risks]}, indent=2)


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if value in (None, (), {}):
        return "none"
    if name in SECRET:
        return HIDDEN
    if name == "hooks":
        return ", ".join(hook.name for hook in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return urls.shown(value) if name in URLS and ":" in value else str(value)


def _readable(settings: Settings, found: dict[str, str]) -> frozenset[str]:
    """The settings with a secret in a file that every user of the machine can read."""
    files = {
        name: getattr(settings, name)
        for name in ("secret_file", "admin_secret_file", "database_file", "engine_file", "tls_key")
    }
    for name in SECRET:
        if found.get(name, "").endswith(".toml"):
            files[name] = found[name]
    return frozenset(name for name, path in files.items() if path is not None and _open_to_all(Path(path)))


def _open_to_all(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
