"""`tidegate serve` whose members are those of `fake_member`. With HUB=1 there is a hub."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from tidegate import cli
from tidegate.cli.serving import workers
from tidegate.workers import plan
from tidegate.workers.places import MemberPlace
from tidegate.workers.supervisor import Supervisor

MEMBER = str(Path(__file__).parent / "fake_member.py")


def _command(args: argparse.Namespace, told: str) -> list[str]:
    return [sys.executable, MEMBER, told]


def _supervisor(hub: MemberPlace, *others: Any, **named: Any) -> Supervisor:
    return Supervisor(hub if "HUB" in os.environ else None, *others, **named)


def main() -> int:
    with (
        mock.patch.object(workers, "_command", _command),
        mock.patch.object(plan, "refusal", lambda settings: None, create=True),
        mock.patch.object(workers, "Supervisor", _supervisor),
    ):
        return cli.main(["serve", *sys.argv[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
