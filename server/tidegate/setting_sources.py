"""Where settings come from: a file in TOML, TIDEGATE_* in the environment, and the command line.

It knows the names of settings, and not what they mean.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tidegate.core.errors import TidegateError

CONFIG_FILE = "tidegate.toml"
LISTS = ("origins", "trusted_proxies", "keys", "audience", "issuer")
"""Settings that are lists with commas in the environment."""
IN_JSON = ("hooks", "claims")
"""Settings that are JSON in the environment."""


class ConfigError(TidegateError):
    """A setting is invalid; the text names the setting and says what is valid."""


def from_file(name: str | None) -> dict[str, Any]:
    """The settings of file `name`, or of `CONFIG_FILE` if it exists. Raises ConfigError."""
    path = Path(name or CONFIG_FILE)
    if name is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"the settings file {path} does not exist") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def from_environment(environ: Mapping[str, str], known: Collection[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for variable, value in environ.items():
        name = variable.removeprefix("TIDEGATE_").lower()
        if not variable.startswith("TIDEGATE_"):
            continue
        if name not in known:
            raise ConfigError(
                f"{variable}: no such setting; `tidegate serve --help` and docs/reference/settings.md list them"
            )
        if name in IN_JSON:
            given[name] = _json(variable, value)
            continue
        given[name] = [part.strip() for part in value.split(",") if part.strip()] if name in LISTS else value
    return given


def _json(variable: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{variable}: is not JSON: {error}") from None


def from_arguments(args: argparse.Namespace, known: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name in known and value is not None}
