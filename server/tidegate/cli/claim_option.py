"""The option `--claim NAME=VALUE`, with which `tidegate token` and `tidegate check contract` sign further claims.

Invariant: it never sets a claim that Tidegate sets itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from tidegate.config import ConfigError

OWN = frozenset({"sub", "id", "name", "role", "roles", "anonymous", "iat", "exp", "nbf", "aud", "iss"})
"""Claims that Tidegate sets; `--claim` must not set them."""


def add_claim_option(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"{about}, `$user.NAME` in row rules: JSON, or text; repeat the option for several claims",
    )


def claims_of(given: Iterable[str], instead: str) -> dict[str, Any]:
    """The claims that were given. `instead`: what sets the claims that `--claim` must not set. Raises ConfigError."""
    return dict(_claim(text, instead) for text in given)


def _claim(text: str, instead: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigError(f"--claim must be NAME=VALUE, not {text!r}")
    if name in OWN:
        raise ConfigError(f"--claim must not set {name!r}; {instead}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
