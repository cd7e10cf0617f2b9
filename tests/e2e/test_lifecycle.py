"""The operator's view: start, stop and health of a gateway."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.wire import wire


def fetch(url: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=DEADLINE_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_gateway_serves_health_bundle_and_page(gateway: GatewayProcess) -> None:
    assert fetch(f"{gateway.http}/healthz")[0] == 200
    assert fetch(f"{gateway.http}/readyz")[0] == 200
    status, bundle = fetch(f"{gateway.http}/schema/bundle.json")
    assert status == 200
    assert json.loads(bundle) == json.loads((ROOT / "generated" / "schema" / "bundle.json").read_text())
    status, page = fetch(f"{gateway.http}/")
    assert status == 200
    assert b"<title>Tidegate</title>" in page
    assert fetch(f"{gateway.http}/nothing")[0] == 404
    assert fetch(f"{gateway.http}/healthz", "DELETE")[0] == 405


async def test_a_graceful_stop_informs_every_client_and_loses_nothing(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as one, wire(gateway.url) as two:
        row = {"type": "create", "resource": "users", "data": {"name": "a", "email": "a@example.com"}}
        assert (await one.ask(row))["type"] == "rows"
        stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
        for client in (one, two):
            goodbye = await client.hear("goodbye")
            assert goodbye["code"] == 4201
            assert goodbye["retry_after"] >= 0
            with pytest.raises(ConnectionClosed) as closed:
                await client.hear("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4201
        assert await stopping == 0
    assert gateway.select("select name from users") == [("a",)]


def test_serving_an_unmigrated_database_names_the_command(tmp_path: Path) -> None:
    done = tidegate("serve", "--port", "0", "--schema", str(ROOT / "schema"), cwd=tmp_path)
    assert done.returncode == 2
    assert "tidegate migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sample_migrates_and_seeds_in_any_folder(tmp_path: Path) -> None:
    done = tidegate("migrate", "--seed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sample rows in users" in done.stderr


def test_serve_reports_a_port_in_use(gateway: GatewayProcess, tmp_path: Path) -> None:
    folder = tmp_path / "another gateway"
    folder.mkdir()
    assert tidegate("migrate", "--schema", str(ROOT / "schema"), cwd=folder).returncode == 0
    done = tidegate("serve", "--port", str(gateway.port), "--schema", str(ROOT / "schema"), cwd=folder)
    assert done.returncode == 2
    assert str(gateway.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_reports_a_broken_schema_with_file_and_pointer(tmp_path: Path) -> None:
    resources = tmp_path / "schema" / "resources"
    resources.mkdir(parents=True)
    (resources / "things.schema.json").write_text('{"title": "Thing", "type": "objekt"}')
    done = tidegate("serve", "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "things.schema.json" in done.stderr
    assert "/type" in done.stderr


def test_token_prints_only_the_token_on_stdout(tmp_path: Path) -> None:
    done = tidegate("token", "--user", "1", "--name", "John", "--dev", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert len(done.stdout.strip().split(".")) == 3
    assert "DEVELOPMENT" in done.stderr
    none = tidegate("token", "--user", "1", cwd=tmp_path)
    assert none.returncode == 2
    assert none.stdout == ""
    assert "TIDEGATE_SECRET" in none.stderr


async def test_a_production_gateway_refuses_a_development_token(tmp_path: Path) -> None:
    process = GatewayProcess(tmp_path)
    process.migrate()
    process.start()
    try:
        token = tidegate("token", "--user", "1", "--dev", cwd=tmp_path).stdout.strip()
        async with wire(process.url) as client:
            refused = await client.ask({"type": "authenticate", "token": token})
            assert refused["code"] == "unauthenticated"
    finally:
        process.stop()


async def test_a_page_of_another_origin_may_not_connect(gateway: GatewayProcess) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with wire(gateway.url, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with wire(gateway.url, origin=gateway.http):
        pass
