"""Where settings come from: a file in TOML, TIDEGATE_* in the environment, and the command line.

It knows the names of settings, and not what they mean.
Invariant: the reader of the file, and that of the environment, raise ConfigError for a name that is no setting.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tidegate.core.errors import TidegateError

CONFIG_FILE = "tidegate.toml"
LISTS = ("origins", "hosts", "trusted_proxies", "keys", "audience", "issuer")
"""Settings that are lists with commas in the environment."""
IN_JSON = ("hooks", "claims")
"""Settings that are JSON in the environment."""
IN_FILES = ("database", "engine")
"""Settings that may hold a password, and are read from the file that `<name>_file` names. Those that are secrets as a
whole are read where they are used."""
PREFIX = "TIDEGATE_"


class ConfigError(TidegateError):
    """A setting is invalid; the text names the setting and says what is valid."""


def gathered(
    args: argparse.Namespace, environ: Mapping[str, str], known: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings that are given, and where each was found. The later source wins. Raises ConfigError."""
    file = getattr(args, "config", None)
    given = from_file(file, known)
    found = dict.fromkeys(given, str(file or CONFIG_FILE))
    for name, value in from_environment(environ, known).items():
        given[name], found[name] = value, PREFIX + name.upper()
    for name, value in vars(args).items():
        if name in known and value is not None:
            given[name], found[name] = value, f"--{name.replace('_', '-')}"
    for name in IN_FILES:
        _from_named_file(name, given, found)
    return given, found


def from_file(name: str | None, known: Collection[str]) -> dict[str, Any]:
    """The settings of file `name`, or of `CONFIG_FILE` if it exists. Raises ConfigError."""
    path = Path(name or CONFIG_FILE)
    if name is None and not path.exists():
        return {}
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"the settings file {path} does not exist") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    for each in given:
        if each not in known:
            raise ConfigError(f"{path}: {no_setting(each, known)}")
    return given


def from_environment(environ: Mapping[str, str], known: Collection[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX):
            continue
        if name not in known:
            raise ConfigError(no_setting(variable, [PREFIX + each.upper() for each in known]))
        if name in IN_JSON:
            given[name] = _json(variable, value)
            continue
        given[name] = [part.strip() for part in value.split(",") if part.strip()] if name in LISTS else value
    return given


def no_setting(name: str, known: Collection[str]) -> str:
    """What is said of a name that is no setting."""
    from tidegate.schema.suggestions import suggestion  # noqa: PLC0415  # loads the validators; for a mistake only

    like = suggestion(name, known) or "; `tidegate config check` and docs/reference/settings.md list them"
    return f"{name}: no such setting{like}"


def misfit(error: Exception, of_tables: Collection[str]) -> str:
    """What msgspec found wrong with a value, and where. `of_tables`: the keys that tables in settings have."""
    from tidegate.schema.suggestions import suggestion  # noqa: PLC0415  # as above

    text, _, place = str(error).partition(" - at ")
    where = place.strip("`").removeprefix("$").removeprefix(".") or "settings"
    if (unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text)) is not None:
        return f"{where}: no such key: {unknown[1]}{suggestion(unknown[1], of_tables)}"
    if (missing := re.fullmatch(r"Object missing required field `(.+)`", text)) is not None:
        return f"{where}: needs the key {missing[1]}"
    return f"{where}: {text[:1].lower()}{text[1:]}"


def _json(variable: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{variable}: is not JSON: {error}") from None


def _from_named_file(name: str, given: dict[str, Any], found: dict[str, str]) -> None:
    """The setting `name` from the file that `<name>_file` names. Raises ConfigError."""
    path = given.get(f"{name}_file")
    if path is None:
        return
    if name in given:
        raise ConfigError(f"{name}_file: there is `{name}` as well, from {found[name]}; set one of them")
    try:
        text = Path(str(path)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"{name}_file: {path} cannot be read: {reason}") from None
    if not text or len(text.splitlines()) > 1:
        raise ConfigError(f"{name}_file: {path} must have one line, the value of `{name}`")
    given[name], found[name] = text, f"{name}_file"
