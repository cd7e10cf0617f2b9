"""compose.yaml and its files match the product: valid settings, pinned images, writable places, secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.deploy.kit import DRAIN, KIT, STOP_TIMEOUT_S, VARIABLES, WEB_PORT, documents, seconds
from tests.deploy.test_image import environment, stages, values
from tidegate.config import Settings

TAG = re.compile(r"[\w./-]+:\d[\w.-]*")
"""An image with a version. `latest` may be another image tomorrow."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    (document,) = documents("compose.yaml")
    found: dict[str, Any] = document
    return found


def test_every_image_has_a_version_and_the_gateway_image_is_built_here(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert TAG.fullmatch(service["image"]), name
    for name in ("migrate", "gateway"):
        build = compose["services"][name]["build"]
        assert (KIT / build["context"] / build["dockerfile"]).resolve() == KIT / "Dockerfile"
    assert compose["services"]["gateway"]["image"] == compose["services"]["migrate"]["image"]


def test_the_gateway_has_valid_settings_and_no_password_in_the_url(compose: dict[str, Any]) -> None:
    gateway = compose["services"]["gateway"]["environment"]
    assert {name for name in gateway if name.startswith("TIDEGATE_")} <= VARIABLES
    postgres = compose["services"]["postgres"]["environment"]
    user, database = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
    assert gateway["TIDEGATE_DATABASE"] == f"postgresql://{user}@postgres:5432/{database}"
    assert gateway["PGPASSWORD"] == postgres["POSTGRES_PASSWORD"]
    assert compose["services"]["migrate"]["environment"]["TIDEGATE_DATABASE"] == gateway["TIDEGATE_DATABASE"]


def test_every_variable_has_a_comment_and_no_secret_a_default(compose: dict[str, Any]) -> None:
    text = (KIT / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", (KIT / "example.env").read_text(), re.MULTILINE))
    assert used == explained
    for secret in ("POSTGRES_PASSWORD", "TIDEGATE_SECRET"):
        assert set(re.findall(rf"\$\{{{secret}[^}}]*\}}", text)) == {f"${{{secret}:?set it in .env}}"}
        assert re.search(rf"^{secret}=$", (KIT / "example.env").read_text(), re.MULTILINE)


def test_one_gateway_starts_after_the_migration_on_a_read_only_root(compose: dict[str, Any]) -> None:
    gateway = compose["services"]["gateway"]
    assert "deploy" not in gateway
    assert gateway["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert compose["services"]["migrate"]["command"] == ["migrate"]
    assert compose["services"]["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    _, shipped = stages()
    spool = environment(shipped)["TMPDIR"]
    assert f"spool:{spool}" in gateway["volumes"]
    writable = [volume for volume in gateway["volumes"] if not volume.endswith(":ro")]
    assert writable == [f"spool:{spool}"]
    (application,) = [volume for volume in gateway["volumes"] if volume.endswith(":ro")]
    # Where the gateway looks for `schema`, `generated`, handlers and tidegate.toml: its working directory.
    assert application.split(":")[-2] == values(shipped, "WORKDIR")[0]
    named = {volume.split(":")[0] for each in compose["services"].values() for volume in each.get("volumes", [])}
    assert set(compose["volumes"]) <= named


def test_the_gateway_gets_enough_time_to_stop_and_enough_open_files(
    compose: dict[str, Any],
) -> None:
    gateway = compose["services"]["gateway"]
    assert seconds(gateway["stop_grace_period"]) == STOP_TIMEOUT_S
    assert gateway["environment"].items() >= DRAIN.items()
    assert gateway["ulimits"]["nofile"]["hard"] >= Settings().max_connections + 100


def test_caddy_has_the_address_of_the_gateway(compose: dict[str, Any]) -> None:
    caddy = compose["services"]["caddy"]
    _, shipped = stages()
    assert caddy["environment"]["GATEWAY"] == f"gateway:{WEB_PORT}"
    assert values(shipped, "EXPOSE") == [str(WEB_PORT)]
    (mounted,) = [volume.split(":")[0] for volume in caddy["volumes"] if volume.endswith(":ro")]
    used = set(re.findall(r"\{\$(\w+)", (KIT / mounted).read_text()))
    assert used == set(caddy["environment"])
