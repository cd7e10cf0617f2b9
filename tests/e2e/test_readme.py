"""The README works as written: its snippets run against a gateway, its commands and links exist."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

from websockets.asyncio.client import connect

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, clean_environment, tidegate
from tests.support.node import node

README = (ROOT / "README.md").read_text()
SHOWN_URL = "ws://127.0.0.1:8787/ws"
NODE_HAS_NO_WEBSOCKET_BEFORE_22 = 'globalThis.WebSocket ??= (await import("ws")).default;\n'
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def block(language: str, holding: str = "") -> str:
    """The first code block of that language with that text in it."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(code for code in blocks if holding in code)


async def lines_until(process: asyncio.subprocess.Process, *wanted: str) -> str:
    """The output of the process until it contains all of `wanted`."""
    assert process.stdout is not None
    told = ""
    async with asyncio.timeout(DEADLINE_S):
        while not all(text in told for text in wanted):
            line = await process.stdout.readline()
            assert line, f"ended early, having said:\n{told}"
            told += line.decode()
    return told


async def run(gateway: GatewayProcess, cwd: Path, *command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=clean_environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def changes_are_followed(gateway: GatewayProcess) -> None:
    """Until that, a subscription has no changes of other programs; a client without a `ref` is not told when it is."""
    async with connect(gateway.url) as client:
        await client.send(json.dumps({"type": "subscribe", "resource": "users", "ref": 1}))
        while json.loads(await client.recv())["type"] != "subscribed":
            pass


ADA = "insert into users (name, email, status) values ('Ada', 'ada@example.com', 'active')"


async def test_the_plain_javascript_client_of_the_readme_works(gateway: GatewayProcess) -> None:
    code = block("js", "new WebSocket").replace(SHOWN_URL, gateway.url)
    # Beside the package, so that Node finds `ws`; as an argument, so that nothing is written there.
    command = (node(), "--input-type=module", "--eval", NODE_HAS_NO_WEBSOCKET_BEFORE_22 + code)
    process = await run(gateway, ROOT / "clients" / "typescript", *command)
    try:
        await lines_until(process, "type: 'message'", "type: 'presence'", "text: 'Hello'")
        await changes_are_followed(gateway)
        gateway.execute(ADA)
        told = await lines_until(process, "type: 'update'", "name: 'Ada'")
        assert "action: 'create'" in told
    finally:
        process.kill()
        await process.wait()


async def test_the_python_client_of_the_readme_works(gateway: GatewayProcess, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(block("python", "connect").replace(SHOWN_URL, gateway.url))
    process = await run(gateway, tmp_path, sys.executable, str(script))
    try:
        await lines_until(process, "reset")
        gateway.execute(ADA)
        assert "'Ada'" in await lines_until(process, "create")
    finally:
        process.kill()
        await process.wait()


def test_the_react_snippet_is_the_one_that_the_browser_test_renders() -> None:
    page = (ROOT / "clients" / "typescript" / "test" / "browser" / "page.jsx").read_text()
    rendered = [line.strip() for line in page.splitlines()]
    hook = re.findall(r"(const \{.*|useEffect\(\(\) => \{|subscribe\(.*|\}, \[\]\);)", block("jsx", "useWebSocket"))
    assert len(hook) == 4
    assert [line for line in rendered if line in hook] == hook


def test_the_commands_for_an_application_work(tmp_path: Path) -> None:
    for folder in ("resources", "rooms"):
        shutil.copytree(ROOT / "schema" / folder, tmp_path / "schema" / folder)
    commands = [shlex.split(line, comments=True) for line in block("sh", "tidegate token").splitlines()]
    assert [command[1] for command in commands] == ["generate", "migrate", "serve", "token"]
    for command in commands:
        if command[1] == "serve":
            process = GatewayProcess(tmp_path, *command[2:])
            process.start()
            assert process.stop() == 0
        else:
            done = tidegate(*command[1:], cwd=tmp_path, environment={"TIDEGATE_SECRET": "s" * 32})
            assert done.returncode == 0, done.stderr


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        shell = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        named = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
        assert set(named) <= targets, document
