"""The Dockerfile without Docker: the tests run its RUN steps and the environment that they make."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.test_image import environment, sources, stages, values
from tests.support.gateway import READY, ROOT, clean_environment


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of the image, made by the RUN steps of the first stage in another folder."""
    place = tmp_path_factory.mktemp("image")
    build, _ = stages()
    renamed = {f"/{name}": str(place / name) for name in ("opt/build", "opt/tidegate", "wheels")}
    source = place / "source"
    for entry in sources(build):
        (source / entry).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-R", ROOT / entry, source / entry], check=True)
    for run in values(build, "RUN"):
        script = re.sub(r"(?<![\w.])/(?:opt/build|opt/tidegate|wheels)\b", lambda found: renamed[found[0]], run)
        done = subprocess.run(
            ["sh", "-ec", script.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")],
            cwd=source,
            env={name: value for name, value in clean_environment().items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return place / "opt" / "tidegate" / "bin"


def test_the_environment_of_the_image_migrates_serves_and_is_healthy(installed: Path, tmp_path: Path) -> None:
    """Run with the variables of the image, without files of this checkout."""
    _, shipped = stages()
    (tmp_path / "spool").mkdir()
    variables = environment(shipped) | {
        "PATH": f"{installed}{os.pathsep}{os.defpath}",
        "TMPDIR": str(tmp_path / "spool"),
        "TIDEGATE_DATABASE": f"sqlite:///{tmp_path / 'app.db'}",
    }
    assert not (installed / "pip").exists()
    empty = tmp_path / "app"
    empty.mkdir()
    migrated = subprocess.run(
        [installed / "tidegate", "migrate"], cwd=empty, env=variables, capture_output=True, text=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr
    serving = subprocess.Popen(
        [installed / "tidegate", "serve", "--port", "0"], cwd=empty, env=variables, stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        found = READY.search(serving.stdout.readline())
        assert found is not None
        health = subprocess.run(
            [installed / "tidegate", "health"],
            cwd=empty,
            env=variables | {"TIDEGATE_PORT": found[1]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (health.returncode, health.stdout) == (0, f"ready: http://127.0.0.1:{found[1]}\n"), health.stderr
    finally:
        serving.terminate()
        code = serving.wait(30)
        serving.communicate()
    assert code == 0
    drivers = subprocess.run(
        [installed / "python", "-c", "import psycopg; print(psycopg.pq.__impl__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert drivers.stdout == "binary\n"
