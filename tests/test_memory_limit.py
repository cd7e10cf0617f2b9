"""What the setting `memory` means, and which memory there is: the machine's, or that of a cgroup of either version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidegate import memory_limit
from tidegate.config import Settings

MIB = 1 << 20
MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("25 %", 0.25),
        ("12.5%", 0.125),
        ("100 %", 1.0),
        ("256 MiB", 256 * MIB),
        ("1 GiB", 1024 * MIB),
        ("1.5gib", 1536 * MIB),
        ("2 MB", 2_000_000),
        (str(5 * MIB), 5 * MIB),
        ("0", 0),
        ("0 %", 0),
        ("0 MiB", 0),
    ],
)
def test_a_share_a_size_and_no_limit(text: str, meaning: float) -> None:
    parsed = memory_limit.parse(text)
    assert parsed == meaning
    assert isinstance(parsed, int) == (not text.endswith("%") or not meaning)


@pytest.mark.parametrize("text", ["", "much", "25 percent", "-1", "101 %", "1 KiB", "1023 KiB", "1 TiB", "1e9", "nan"])
def test_anything_else_says_what_to_type(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        memory_limit.parse(text)


class Cgroups:
    """A tree of cgroups in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.of_process = root / "self"

    def limit(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def available(self, of_process: str) -> int:
        self.of_process.write_text(of_process + "\n")
        return memory_limit.available(self.root, self.of_process)


@pytest.fixture
def cgroups(tmp_path: Path) -> Cgroups:
    return Cgroups(tmp_path)


def test_version_2_has_the_smallest_limit_of_the_groups_around(cgroups: Cgroups) -> None:
    cgroups.limit("a.slice/b/memory.max", str(64 * MIB))
    cgroups.limit("a.slice/memory.max", str(32 * MIB))
    cgroups.limit("memory.max", "max")
    assert cgroups.available("0::/a.slice/b") == 32 * MIB


def test_version_2_in_a_container_has_the_limit_at_the_root(cgroups: Cgroups) -> None:
    cgroups.limit("memory.max", str(48 * MIB))
    assert cgroups.available("0::/") == 48 * MIB
    assert cgroups.available("0::/a/path/of/the/host") == 48 * MIB


def test_version_1(cgroups: Cgroups) -> None:
    cgroups.limit("memory/docker/1/memory.limit_in_bytes", str(16 * MIB))
    cgroups.limit("memory/memory.limit_in_bytes", "9223372036854771712")
    assert cgroups.available("5:devices:/\n4:cpu,memory:/docker/1\n0::/") == 16 * MIB


def test_without_a_limit_the_machine_counts(cgroups: Cgroups) -> None:
    cgroups.limit("memory.max", "max")
    assert cgroups.available("0::/") == MACHINE
    cgroups.limit("memory.max", str(1 << 62))
    assert cgroups.available("0::/") == MACHINE, "a limit above the machine is none"


def test_without_cgroups_the_machine_counts(tmp_path: Path) -> None:
    assert memory_limit.available(tmp_path, tmp_path / "missing") == MACHINE


def test_the_setting_in_bytes() -> None:
    assert Settings(memory="256 MiB").memory_bytes == 256 * MIB
    assert Settings(memory="0").memory_bytes == 0
    assert 0 < Settings().memory_bytes <= MACHINE // 4
