"""A new copy of this checkout in another folder, in which tests run the commands of its Makefile.

The copy has the files that git would clone, with uncommitted changes, and no files that a target made. This module does
not know what the commands do.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from tests.support.gateway import ROOT, clean_environment
from tests.support.ports import free_port

NOBODY = 65534
FOR_PACKAGES_S = 600
SERVED = re.compile(r"serving on (http://\S+)")
LEFT_OUT = re.compile(r"MAKE|MFLAGS|VIRTUAL_ENV|PYTHON(?!WARNINGS)|npm_config_cache|COVERAGE|PYTEST")


def is_root() -> bool:
    return os.geteuid() == 0


class Checkout:
    """Owns a folder and the processes that it started there. `user`: the numeric identity that runs the commands."""

    def __init__(self, folder: Path, *, mode: int = 0o755, user: int | None = None, home: Path | None = None) -> None:
        self.folder = folder
        self._identity: dict[str, object] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self._home = home
        folder.mkdir(mode=mode)
        folder.chmod(mode)
        for name in _tracked():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        if user is not None:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, user, user)

    def run(self, *command: str, timeout: float = FOR_PACKAGES_S) -> str:
        """Run a command to its end; returns what it printed. Fails the test if the command fails."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            **self._identity,  # type: ignore[call-overload]  # user and group, or nothing
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}"
        return str(done.stdout)

    def first_page(self, *options: str) -> float:
        """`make run` until it has served the page at /; returns the seconds that took, and ends the gateway."""
        start = time.monotonic()
        process = subprocess.Popen(
            ["make", "run", f"PORT={free_port()}", *options],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **self._identity,  # type: ignore[call-overload]
        )
        try:
            address = self._served_at(process)
            with urllib.request.urlopen(address, timeout=30) as page:
                assert b"<title>Tidegate" in page.read()
            return time.monotonic() - start
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)
            assert process.stdout is not None
            process.stdout.close()

    def _served_at(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        told, deadline = b"", time.monotonic() + FOR_PACKAGES_S
        while time.monotonic() < deadline:
            if select.select([process.stdout], [], [], 1)[0]:
                told += (part := os.read(process.stdout.fileno(), 65536))
                if found := SERVED.search(told.decode(errors="replace")):
                    return found[1]
                if not part:
                    break
        raise AssertionError(f"make run served nothing:\n{told.decode(errors='replace')[-6000:]}")

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in clean_environment().items() if not LEFT_OUT.match(name)}
        if self._home is not None:
            environment["HOME"] = str(self._home)
        if self._identity:
            # The Python of the tests may be in a folder that this user may not enter.
            environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        return environment


def _tracked() -> list[str]:
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
