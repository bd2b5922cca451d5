"""`meshpilot waypoint` at a real API server: server-side apply, labels of a namespace, conditions, removal."""

import asyncio

import pytest
from click.testing import CliRunner, Result

from pilot.cli.waypoint import waypoint
from tests.kubernetes.cluster import TestCluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(300)]

GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways"


@pytest.fixture
async def cluster(cluster: TestCluster) -> TestCluster:
    await cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop", "labels": {"own": "label"}}})
    return cluster


async def run(cluster: TestCluster, *arguments: str) -> Result:
    given = [*arguments, "--kubeconfig", str(cluster.server.kubeconfig)]
    return await asyncio.to_thread(CliRunner().invoke, waypoint, given)


async def test_a_waypoint_is_applied_again_and_again_and_the_namespace_uses_it(cluster: TestCluster) -> None:
    for traffic in ("service", "all"):
        done = await run(cluster, "apply", "-n", "shop", "--for", traffic, "--enroll-namespace")
        assert done.exit_code == 0, done.output
    made = await cluster.call("GET", f"{GATEWAYS}/waypoint")
    labels = (await cluster.call("GET", "/api/v1/namespaces/shop"))["metadata"]["labels"]

    assert made["metadata"]["labels"] == {"istio.io/waypoint-for": "all"}
    assert {each["manager"] for each in made["metadata"]["managedFields"]} == {"istioctl"}
    assert labels["istio.io/use-waypoint"] == "waypoint"
    assert labels["own"] == "label"


async def test_a_waypoint_is_listed_with_its_condition_and_deleted(cluster: TestCluster) -> None:
    await run(cluster, "apply", "-n", "shop", "--name", "w", "-r", "canary")
    condition = {
        "type": "Programmed",
        "status": "True",
        "reason": "Programmed",
        "message": "ready",
        "lastTransitionTime": "2024-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    await cluster.call("PATCH", f"{GATEWAYS}/w/status", {"status": {"conditions": [condition]}})
    listed = await run(cluster, "list", "-A")
    told = await run(cluster, "status", "w", "-n", "shop")

    assert listed.output.splitlines()[1].split() == ["shop", "w", "canary", "none", "True"]
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[1].split() == ["w", "True", "Programmed", "Programmed", "ready"]
    assert (await run(cluster, "delete", "w", "-n", "shop")).exit_code == 0
    assert "there is no waypoint" in (await run(cluster, "delete", "w", "-n", "shop")).output
