"""Every recorded scenario through a real API server: what proxies are served is what istiod served them.

The objects of a scenario are created with their statuses, the program starts, every proxy is played, and the cluster is
emptied for the next one.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path

import pytest
import yaml

from tests import recordings
from tests.control_plane import GRPC, SECURE, ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading
from tests.loopback import network
from tests.shared import shared_directory, shared_path

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared]

SECURE_SCENARIOS = frozenset(
    ("03-destinationrule", "09-gateway", "10-gateway-api", "23-meshconfig", "27-ambient-off-gateways")
)
"""Proxies of which are served Secrets."""
WITHOUT = {"PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false"}
"""Recorded from files: nobody applied what a Gateway's Service has to be (with `appProtocol`) over the scenario's."""
GOLDEN = shared_directory() / "golden"
SCENARIOS = sorted(each.name for each in GOLDEN.glob("*-*") if each.is_dir())


def texts(scenario: Path) -> tuple[str, dict[str, str]]:
    """Its objects, and the data of the ConfigMap `istio`."""
    objects = "\n---\n".join(path.read_text() for path in sorted(scenario.glob("input*.yaml")))
    mesh, networks = scenario / "mesh.yaml", scenario / "networks.yaml"
    data = {"mesh": mesh.read_text() if mesh.exists() else recordings.RECORDED_MESH}
    if networks.exists():
        data["meshNetworks"] = networks.read_text()
    return objects, data


async def load(cluster: TestCluster, scenario: Path) -> None:
    """Its objects, and MeshConfig as the chart gives it."""
    objects, data = texts(scenario)
    await cluster.load(objects)
    maps = "/api/v1/namespaces/istio-system/configmaps"
    await cluster.call("POST", maps, {"metadata": {"name": "istio"}, "data": data})


async def credentials(cluster: TestCluster, directory: Path) -> tuple[str, ...]:
    """Options by which secure proxies prove who they are: the root in the cluster, tokens of its API server."""
    secret = await cluster.call("GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret")
    server = cluster.server
    said = {"url": server.url, "directory": str(server.directory), "token": server.admin_token}
    root, known = directory / "root.pem", directory / "server.json"
    root.write_bytes(base64.b64decode(secret["data"]["ca-cert.pem"]))
    known.write_text(json.dumps(said))
    program = Path(__file__).with_name("token_request.py")
    command = f"{sys.executable} {program} {known} {{namespace}} {{service_account}}"
    return "--root", str(root), "--token-cmd", command


async def run(*command: str) -> str:
    """A tool of the recordings: what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_scenario_is_served_as_recorded(cluster: TestCluster, name: str, tmp_path: Path) -> None:
    scenario, tools = shared_path("golden", name), shared_path("tools")
    await load(cluster, scenario)
    declared = yaml.safe_load((scenario / "env.yaml").read_text()) if (scenario / "env.yaml").exists() else {}
    environment = {**recordings.RECORDED_ENVIRONMENT, **{key: str(value) for key, value in declared.items()}}
    environment |= {"REVISION": "default", **WITHOUT}
    arguments = reading(cluster.server.kubeconfig, tmp_path)
    with network() as addresses:
        plane = ControlPlane(addresses.address(1), None, tmp_path, arguments, environment)
        async with running(plane):
            proxies, served = str(scenario / "proxies.yaml"), str(tmp_path / "served")
            ports = ("--addr", f"{plane.address}:{GRPC}", "--secure-addr", f"{plane.address}:{SECURE}")
            secure = await credentials(cluster, tmp_path)
            said = await run(str(tools / "xdsdump.py"), *ports, *secure, proxies, served)
    found = await run(str(tools / "goldendiff.py"), str(scenario / "golden"), served, "--show", "3")
    matched, total = (int(each) for each in found.rsplit("match ", 1)[-1].split(" ")[0].split("/"))
    assert matched == total, said + found
    assert ("SDS" in said) == (name in SECURE_SCENARIOS)


def test_there_are_scenarios() -> None:
    shared_path("golden")
    assert len(SCENARIOS) > 15
