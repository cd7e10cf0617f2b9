"""The two commands of the README in several kinds of folders, for several users and home directories.

`make run` runs until it has served a page, twice. Of `make test`, the test runs the installs and the tests that depend
on the place of the checkout: one with PostgreSQL and one of the TypeScript client.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.checkout import NOBODY, Checkout, is_root

FIRST_S, AGAIN_S = 20, 3
"""The expected seconds of a start on two idle cores with warm caches. The test prints it and does not assert it."""
POSTGRES_TEST = "tests/store/postgres/serving/test_store.py"
TYPESCRIPT_TEST = "test/backoff.test.ts"

needs_root = pytest.mark.skipif(not is_root(), reason="only root can become another user; run it as root")


@pytest.fixture
def place() -> Iterator[Path]:
    """A new folder that every user may enter, removed afterwards: an install takes 400 MB.

    pytest's own temporary folders are closed to other users.
    """
    folder = Path(tempfile.mkdtemp(prefix="tidegate-install-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def install_and_serve(checkout: Checkout, *options: str) -> None:
    first, again = checkout.first_page(*options), checkout.first_page(*options)
    print(f"make run: page after {first:.1f} s (goal {FIRST_S}), again after {again:.1f} s (goal {AGAIN_S})")
    checkout.run("make", "setup-tests", "setup-node", *options)
    checkout.run(".venv/bin/python", "-m", "pip", "check")


def run_tests(checkout: Checkout) -> None:
    told = checkout.run(".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", POSTGRES_TEST)
    assert "passed" in told
    assert "skipped" not in told
    checkout.run("npm", "--prefix", "clients/typescript", "run", "build")
    checkout.run("npm", "--prefix", "clients/typescript", "test", "--", TYPESCRIPT_TEST)


def test_both_commands_work_in_a_private_folder(place: Path) -> None:
    """As in a container, where root's home directory has the mode 0700."""
    (place / "home").mkdir(mode=0o700)
    checkout = Checkout(place / "home" / "tidegate", mode=0o700)
    install_and_serve(checkout)
    run_tests(checkout)


@needs_root
def test_both_commands_work_for_an_ordinary_user(place: Path) -> None:
    home = place / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    checkout = Checkout(place / "tidegate", user=NOBODY, home=home)
    install_and_serve(checkout)
    run_tests(checkout)


def test_both_commands_work_in_a_path_with_a_space(place: Path) -> None:
    checkout = Checkout(place / "my projects")
    install_and_serve(checkout)
    run_tests(checkout)


@needs_root
def test_both_commands_work_with_an_unwritable_home_directory(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o555)
    checkout = Checkout(place / "tidegate", user=NOBODY, home=home)
    install_and_serve(checkout)
    run_tests(checkout)
    assert not list(home.iterdir())


def test_make_run_uses_settings_of_the_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make run` names neither a port nor a database unless PORT or DB does."""
    checkout = Checkout(place / "tidegate")
    plan = checkout.run("make", "--dry-run", "run")
    assert "tidegate serve --dev" in plan
    assert "--port" not in plan
    assert "--database" not in plan
