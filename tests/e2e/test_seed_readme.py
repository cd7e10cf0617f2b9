"""The README of the seed as written: a plain JavaScript client sends its messages and gets the promised answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.node import node

CLIENT = Path(__file__).with_name("seed_client.mjs")


def test_the_seed_readme_works_as_written(gateway: GatewayProcess) -> None:
    done = subprocess.run(
        [node(), str(CLIENT), gateway.url, str(gateway.database_file)],
        cwd=ROOT / "clients" / "typescript",
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heard = json.loads(done.stdout)

    by_client = heard["updateAfterOtherClient"]
    assert (by_client["type"], by_client["resource"], by_client["action"]) == ("update", "users", "create")
    assert by_client["data"]["name"] == "Added by a client"
    assert by_client["data"]["status"] == "active"

    by_process = heard["updateAfterOtherProcess"]
    assert (by_process["type"], by_process["resource"], by_process["action"]) == ("update", "users", "create")
    assert by_process["data"]["name"] == "Added by a process"

    said = heard["message"]
    assert said["room"] == "users"
    assert said["data"] == {"text": "Hello"}
    assert said["from"] == heard["self"]

    users = heard["presence"]["users"]
    assert heard["presence"]["room"] == "users"
    assert {"id", "name", "status"} <= set(users[0])
    assert [user["id"] for user in users] == [heard["self"]]

    assert heard["errors"] == []
    assert heard["afterLeave"] == []
