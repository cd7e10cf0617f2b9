"""The Kubernetes manifest is valid for the API and matches the product: paths, ports, settings, times."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.deploy.kit import DRAIN, KIT, STOP_TIMEOUT_S, VARIABLES, WEB_PORT, documents, tool
from tests.deploy.test_compose import TAG
from tests.deploy.test_image import environment, stages, values
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess, tidegate


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    return {document["kind"]: document for document in documents("kubernetes.yaml")}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def gateway(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["containers"]
    result: dict[str, Any] = found
    return result


def test_the_manifest_is_valid_for_the_api() -> None:
    validate = tool("kubernetes-validate", install="pip install kubernetes-validate")
    done = subprocess.run(
        [validate, "--strict", KIT / "kubernetes.yaml"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed for resource ") == len(documents("kubernetes.yaml"))


def test_the_deployment_never_runs_two_gateways(objects: dict[str, Any]) -> None:
    deployment = objects["Deployment"]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    # A budget for one pod would forbid every drain of its node, or have no effect.
    assert "PodDisruptionBudget" not in objects


def test_the_objects_refer_to_each_other(objects: dict[str, Any], gateway: dict[str, Any]) -> None:
    deployment, service = objects["Deployment"]["spec"], objects["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels
    (port,), (exposed,) = gateway["ports"], service["ports"]
    assert port["containerPort"] == WEB_PORT
    assert exposed["targetPort"] == port["name"]
    (rule,) = objects["Ingress"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {
        "name": objects["Service"]["metadata"]["name"],
        "port": {"name": exposed["name"]},
    }
    assert [rule["host"]] == objects["Ingress"]["spec"]["tls"][0]["hosts"]


def test_the_probes_use_endpoints_of_the_gateway(gateway: dict[str, Any]) -> None:
    probes = {kind: gateway[f"{kind}Probe"] for kind in ("liveness", "readiness", "startup")}
    paths = {kind: probe["httpGet"]["path"] for kind, probe in probes.items()}
    # An unreachable database must not restart the gateway.
    assert paths == {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {gateway["ports"][0]["name"]}


def test_the_paths_of_the_probes_exist(gateway: dict[str, Any], tmp_path: Any) -> None:
    from tests.e2e.test_lifecycle import fetch

    process = GatewayProcess(tmp_path)
    process.migrate()
    process.start()
    try:
        for kind in ("liveness", "readiness", "startup"):
            assert fetch(process.http + gateway[f"{kind}Probe"]["httpGet"]["path"])[0] == 200
    finally:
        process.stop()


def test_the_settings_are_valid_and_secrets_come_from_the_secret(pod: dict[str, Any], gateway: dict[str, Any]) -> None:
    (migrate,) = pod["initContainers"]
    created = re.findall(r"--from-literal=([\w-]+)=", (KIT / "kubernetes.yaml").read_text())
    for container in (migrate, gateway):
        named = {variable["name"]: variable for variable in container["env"]}
        assert {name for name in named if name.startswith("TIDEGATE_")} <= VARIABLES
        for name in named.keys() & {"TIDEGATE_SECRET", "PGPASSWORD"}:
            reference = named[name]["valueFrom"]["secretKeyRef"]
            assert reference["name"] == "tidegate"
            assert reference["key"] in created
    assert migrate["args"] == ["migrate"]
    assert gateway["args"] == ["serve"]
    assert migrate["env"] == gateway["env"][: len(migrate["env"])]


def test_kubernetes_sets_no_variable_with_the_name_of_a_setting(
    objects: dict[str, Any], pod: dict[str, Any], tmp_path: Any
) -> None:
    """A Service named `tidegate` would give every pod TIDEGATE_PORT=tcp://10.0.0.1:80, and the gateway refuses that."""
    assert pod["enableServiceLinks"] is False
    name = objects["Service"]["metadata"]["name"].upper()
    refused = tidegate("serve", cwd=tmp_path, environment={f"{name}_PORT": "tcp://10.0.0.1:80"})
    assert refused.returncode == 2


def test_the_containers_are_unprivileged_and_write_only_to_the_spool(
    pod: dict[str, Any], gateway: dict[str, Any]
) -> None:
    _, shipped = stages()
    user = int(values(shipped, "USER")[0].split(":")[0])
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, user)
    assert pod["securityContext"]["fsGroup"] == user
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod["initContainers"], gateway):
        assert TAG.fullmatch(container["image"])
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == [environment(shipped)["TMPDIR"]]
    (volume,) = pod["volumes"]
    assert volume["name"] == gateway["volumeMounts"][0]["name"]
    assert "sizeLimit" in volume["emptyDir"]
    # A memory limit protects the node. A CPU limit would show as latency.
    assert set(gateway["resources"]["limits"]) == {"memory"}
    assert set(gateway["resources"]["requests"]) == {"cpu", "memory"}


def test_the_gateway_gets_enough_time_to_stop(pod: dict[str, Any]) -> None:
    assert pod["terminationGracePeriodSeconds"] == STOP_TIMEOUT_S
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert variables.items() >= DRAIN.items()
    assert json.dumps(pod).count("preStop") == 0, "there is no other pod that new clients could go to meanwhile"
