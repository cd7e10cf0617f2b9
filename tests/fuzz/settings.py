"""Settings files. What must hold: a file gives valid settings, or one ConfigError of a few lines."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.target import Run, Target
from tidegate.config import ConfigError, Settings, load

SEEDS = [
    b'port = 9000\ndatabase = "sqlite:////var/lib/app/app.db"\norigins = ["https://app.example.com"]\n',
    b"rate = 0\nrate_bytes = 1048576\nheartbeat = 2.5\nlog_age = 60\n",
    b'host = "0.0.0.0"\nsecret = "0123456789abcdef0123456789abcdef"\nlog_level = "debug"\n',
    b'memory = "256 MiB"\ntrusted_proxies = ["10.0.0.0/8", "::1"]\ndrain = 30\n',
]
NAMES = [f"{name} = ".encode() for name in Settings.__struct_fields__]
WORDS = [
    *NAMES, b"=", b'"', b"[", b"]", b"nan", b"inf", b"-1", b"1e999", b"true", b"[x]\n", b"# ", b'"""', b"\xff", b"0x10",
    b"\n", b"%", b"/", b" MiB",
]  # fmt: skip


@contextmanager
def make() -> Iterator[Run]:
    folder = tempfile.TemporaryDirectory(prefix="tidegate-fuzz-")
    file = Path(folder.name) / "tidegate.toml"

    def run(data: bytes) -> str:
        file.write_bytes(data)
        try:
            settings = load(argparse.Namespace(config=str(file)), {})
        except ConfigError as error:
            assert str(error).count("\n") < 5
            return "".join(letter for letter in str(error).replace(str(file), "file") if letter.isalpha())[:30]
        assert settings.heartbeat > 0
        assert 0 <= settings.port <= 65535
        return "settings"

    with folder:
        yield run


TARGET = Target("settings", make, SEEDS, WORDS)
