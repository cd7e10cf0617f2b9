"""docs/how-to/webhooks.md: both receivers of the guide accept what the gateway signs, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate.hooks import signing
from tidegate.hooks.hook import EVENTS, Hook, check

GUIDE = (ROOT / "docs" / "how-to" / "webhooks.md").read_text()
SECRET, BODY = b"a-secret-of-the-tests", '{"type":"gap","data":{"text":"é"}}'.encode()


def headers(*keys: bytes) -> dict[str, str]:
    return signing.headers("msg_1", 1_767_225_600, BODY, keys)


def test_the_receiver_in_python() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    genuine = names["is_genuine"]
    assert genuine(headers(SECRET), BODY, SECRET)
    assert genuine(headers(b"a-newer-secret-of-it", SECRET), BODY, SECRET), "while the secret changes, both sign"
    assert not genuine(headers(b"another-secret"), BODY, SECRET)
    assert not genuine(headers(SECRET), BODY + b" ", SECRET)
    assert not genuine({**headers(SECRET), "webhook-id": "msg_2"}, BODY, SECRET)
    assert not genuine({**headers(SECRET), "webhook-timestamp": "1"}, BODY, SECRET)


@pytest.mark.process
def test_the_receiver_in_node(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    (code,) = re.findall(r"```js\n(.*?)```", GUIDE, re.DOTALL)
    calls = [[headers(SECRET), True], [headers(b"x" * 20, SECRET), True], [headers(b"another-secret"), False]]
    script = tmp_path / "receiver.mjs"
    script.write_text(
        f"{code}\nconst body = {json.dumps(BODY.decode())};\n"
        f"for (const [headers, good] of {json.dumps(calls)})\n"
        f"  if (isGenuine(headers, body, {json.dumps(SECRET.decode())}) !== good) throw new Error(`${{good}}`);\n"
    )
    subprocess.run([node, str(script)], check=True)


def test_the_settings_of_the_guide_are_valid_and_all_events_are_named(tmp_path: Path) -> None:
    import tomllib

    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    (given,) = tomllib.loads(text)["hooks"]
    secret = tmp_path / "secret"
    secret.write_text("x" * 20)
    check([Hook(**{**given, "secret_file": str(secret), "events": tuple(given["events"])})])
    assert all(f"`{event}`" in GUIDE for event in EVENTS)
