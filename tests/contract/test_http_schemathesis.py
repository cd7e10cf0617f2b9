"""Schemathesis as it comes, driven by the gateway's own OpenAPI document, against a real gateway.

It follows the links as a state machine, sends generated requests that are valid and that are not, and holds each answer
against the document. `make contract` sends `HTTP_CASES` (5,000) and more; `make test` a few hundred.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.http import application
from tests.support.gateway import ROOT, GatewayProcess, clean_environment
from tidegate.auth import tokens
from tidegate.config import DEVELOPMENT_SECRET

pytestmark = pytest.mark.process

CONFIG = Path(__file__).parent / "schemathesis.toml"
MINUTES = 10
CASES = int(os.environ.get("HTTP_CASES", "0"))
"""At least so many cases in the long test."""
LIMITS = ("nested deeper than 8 levels: ask for less", "must be an integer within +-(2^53 - 1)")
"""Refusals of a limit that no schema states: filters have eight levels, and a number that is written as an integer must
be one that every JSON reader keeps.
"""
HANDLERS = "from tests.gateway.http import application\n\ngateway = application.handlers()\n"


@pytest.fixture(params=["sample", "odd"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """The sample application; and one with odd values, keys of several properties, rooms for roles and handlers."""
    options = ["--dev"]
    environment = {"TIDEGATE_RATE": "0", "TIDEGATE_RATE_BYTES": "0"}
    if request.param == "odd":
        application.write(tmp_path)
        (tmp_path / "odd_handlers.py").write_text(HANDLERS)
        options += ["--schema", "schema", "--handlers", "odd_handlers:gateway"]
        environment["PYTHONPATH"] = str(ROOT)
    process = GatewayProcess(tmp_path, *options, environment=environment)
    process.migrate(seed=request.param == "sample")
    process.start()
    yield process
    process.stop()


def schemathesis(gateway: GatewayProcess, *options: str) -> str:
    """Run `st run`; returns what it said. Fails where it found something."""
    token = tokens.sign(DEVELOPMENT_SECRET, "1", "Ada", ["admin", "service"], time.time(), 86_400)
    address = f"http://127.0.0.1:{gateway.port}/openapi.json"
    command = ["--config-file", str(CONFIG), "run", address, "-H", f"Authorization: Bearer {token}", "--no-color"]
    program = [sys.executable, "-m", "schemathesis.cli"]
    done = subprocess.run(
        [*program, *command, *options],
        cwd=gateway.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
    )
    said = "\n".join(line[:400] for line in done.stdout.splitlines())
    found = said.partition("= FAILURES =")[2].partition("= WARNINGS =")[0].split("Test Case ID: ")[1:]
    wrong = [each for each in found if not any(limit in each for limit in LIMITS)]
    assert not wrong, "\n".join(wrong)[:20_000]
    assert done.returncode == (1 if found else 0), said[-3000:] + done.stderr[-2000:]
    return said


@pytest.mark.long
@pytest.mark.parametrize("gateway", ["sample"], indirect=True)
def test_links_and_examples_of_the_document_hold(gateway: GatewayProcess) -> None:
    said = schemathesis(gateway, "--phases", "examples,stateful", "--max-examples", "2", "--seed", "7")
    assert generated(said) >= 30
    assert re.search(r"Stateful", said)


@pytest.mark.long
@pytest.mark.timeout(60 * MINUTES * 2)
def test_generated_requests_are_answered_as_the_document_says(gateway: GatewayProcess) -> None:
    """Random cases are valid ones only: of a wrong query, Schemathesis leaves out a value that became an empty object,
    and then expects that the request without it is refused. The coverage of each keyword has wrong ones.
    """
    most = str(max(5, CASES // 250))
    covered = schemathesis(gateway, "--phases", "examples,coverage,stateful", "--max-examples", most, "--seed", "2026")
    fuzzed = schemathesis(
        gateway, "--phases", "fuzzing", "--mode", "positive", "--max-examples", most, "--seed", "2026"
    )
    for said in (covered, fuzzed):
        print("\n".join(said.splitlines()[-12:]))
    assert generated(covered) + generated(fuzzed) >= max(CASES, 1000)


def generated(said: str) -> int:
    found = re.search(r"(\d+) generated", said)
    assert found is not None, said[-2000:]
    return int(found[1])
