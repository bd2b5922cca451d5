"""A control plane outside of the cluster that it serves: configured there, told of others where it runs, leads them."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from ca.errors import KubernetesError
from pilot.cli.remote_secret import create_remote_secret
from tests.control_plane import running
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.cluster import TestCluster
from tests.kubernetes.follower import following
from tests.kubernetes.remote import control_plane, in_pod_of, kubeconfig, register, states, token_controller
from tests.kubernetes.test_certificate_authority import bearer, create, names, refusal
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.shared import ROOT
from webhook import configurations
from webhook.configurations import Endpoint

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(200)]

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
LEADERS = "topology.istio.io/controlPlaneClusters"
LOCK = "/api/v1/namespaces/istio-system/configmaps/istio-namespace-controller-election"
MANAGED, OTHER = (f"outbound|80||{name}.default.svc.cluster.local" for name in ("managed", "other"))
ENVIRONMENT: dict[str, Any] = {
    "CLUSTER_ID": "data",
    "EXTERNAL_ISTIOD": "true",
    "LOCAL_CLUSTER_SECRET_WATCHER": "true",
    "SHARED_MESH_CONFIG": "istio",
    "POD_NAME": "istiod-0",
}


@pytest.fixture
async def clusters(
    defined_cluster: TestCluster, second_cluster: TestCluster
) -> AsyncIterator[tuple[TestCluster, TestCluster]]:
    """The one that is served, and the one that the control plane runs in, which is one of the mesh too."""
    both_clusters = defined_cluster, second_cluster
    for cluster, name in zip(both_clusters, ("managed", "other"), strict=True):
        spec = {"ports": [{"name": "http", "port": 80}]}
        await cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    yield both_clusters
    for cluster in both_clusters:
        await cluster.wipe()
        await cluster.close()


def can_pretend_to_be_a_pod() -> bool:
    command = ("/usr/bin/unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", "mount --rbind /tmp /run")
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


async def mounted_kubeconfig(cluster: TestCluster, directory: Path) -> Path:
    """What is in the Secret `istio-kubeconfig`, with no more rights than the program asks for."""
    for document in yaml.safe_load_all((ROOT / "deploy" / "base" / "rights.yaml").read_text()):
        await cluster.create(document)
    given = ("--kubeconfig", str(cluster.server.kubeconfig), "--type", "config", "--name", "data")
    async with token_controller(cluster):
        printed = await asyncio.to_thread(CliRunner().invoke, create_remote_secret, given)
    assert printed.exit_code == 0, printed.output
    (made,) = [each for each in yaml.safe_load_all(printed.output) if each]
    assert made["metadata"]["name"] == "istio-kubeconfig"
    path = directory / "config"
    path.write_text(made["stringData"]["config"])
    return path


async def install_webhooks(cluster: TestCluster, address: str) -> None:
    where = Endpoint(url=f"https://{address}:25017")
    for made in (configurations.build_injection("default", where), configurations.build_validation("default", where)):
        await cluster.call("POST", f"{WEBHOOKS}/{made['kind'].lower()}s", made)


async def bundles(cluster: TestCluster, kind: str) -> set[str]:
    """Roots in the webhooks of one kind."""
    listed = await cluster.call("GET", f"{WEBHOOKS}/{kind}webhookconfigurations")
    found = (hook["clientConfig"].get("caBundle", "") for each in listed["items"] for hook in each["webhooks"])
    return {base64.b64decode(each).decode() for each in found}


async def root_in(cluster: TestCluster, namespace: str = "default") -> str:
    path = f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert"
    try:
        return str((await cluster.call("GET", path))["data"]["root-cert.pem"])
    except KubernetesError:
        return ""


async def holder_key(cluster: TestCluster) -> str:
    annotations = (await cluster.call("GET", LOCK))["metadata"]["annotations"]
    return str(json.loads(annotations["control-plane.alpha.kubernetes.io/leader"])["holderKey"])


async def lead(cluster: TestCluster, leaders: str | None) -> None:
    body = {"metadata": {"annotations": {LEADERS: leaders}}}
    await cluster.call("PATCH", "/api/v1/namespaces/istio-system", body)


async def token_of_pod(server: ApiServer, account: str) -> str:
    await server.service_account("default", account)
    uid = await server.pod("default", f"{account}-1", account)
    return await server.token("default", account, pod=(f"{account}-1", uid))


@pytest.mark.skipif(not can_pretend_to_be_a_pod(), reason="user namespaces with mounts are not for us here")
async def test_it_reads_and_writes_where_it_is_told_to(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    data, management = clusters
    mounted = await mounted_kubeconfig(data, tmp_path)
    await register(management, "far", kubeconfig(management))
    await register(data, "decoy", kubeconfig(management))
    shared = "trustDomain: shared.example\nrootNamespace: istio-system\ndefaultConfig: {concurrency: 3}\n"
    maps = "/api/v1/namespaces/istio-system/configmaps"
    await data.call("POST", maps, {"metadata": {"name": "istio"}, "data": {"mesh": shared}})
    (tmp_path / "mesh").write_text("trustDomain: file.example\n")
    prefix, pod = in_pod_of(management, tmp_path / "pod")
    with network() as addresses:
        address = addresses.address(1)
        for each in (data, management):
            await install_webhooks(each, address)
        await lead(management, "another, data")
        files: dict[str, Any] = {"mesh_config": tmp_path / "mesh", "kubeconfig": mounted, "prefix": prefix}
        plane = control_plane(data, address, tmp_path, **files, **ENVIRONMENT, **pod)
        async with running(plane), following(plane.grpc) as proxy:
            assert await states(plane) == {"data": "synced", "far": "synced"}
            await eventually(lambda: {MANAGED, OTHER} <= proxy.clusters)
            _, mesh = await plane.get(25080, "/debug/mesh")
            assert json.loads(mesh)["trustDomain"] == "file.example"
            assert json.loads(mesh)["defaultConfig"]["concurrency"] == 3

            root = await eventually(lambda: root_in(data))
            assert await eventually(lambda: root_in(management)) == root
            assert await holder_key(data) == "default"
            assert await holder_key(management) == "^default"
            stored = await data.call("GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret")
            assert base64.b64decode(stored["data"]["ca-cert.pem"]).decode().strip() == root.strip()
            patched = [(data, "mutating"), (data, "validating"), (management, "mutating")]
            for cluster, kind in patched:
                await eventually(lambda c=cluster, k=kind: _is_only(c, k, root))  # type: ignore[misc]
            assert root not in await bundles(management, "validating")
            await _check_certificates(plane, root, data, management)


async def _is_only(cluster: TestCluster, kind: str, root: str) -> bool:
    return {each.strip() for each in await bundles(cluster, kind)} == {root.strip()}


async def _check_certificates(plane: Any, root: str, data: TestCluster, management: TestCluster) -> None:
    """Tokens of both clusters are believed, each by the cluster that it names."""
    near, far = await token_of_pod(data.server, "near"), await token_of_pod(management.server, "far")
    identity = "spiffe://file.example/ns/default/sa/{}"
    assert names((await create(plane, "istio-system", root, bearer(near, "data")))[0]) == [identity.format("near")]
    assert names((await create(plane, "istio-system", root, bearer(far, "far")))[0]) == [identity.format("far")]
    refused = "UNAUTHENTICATED: request authenticate failure"
    assert await refusal(plane, "istio-system", root, bearer(far, "data")) == refused
    assert await refusal(plane, "istio-system", root, bearer(near, "decoy")) == refused


async def test_a_cluster_is_led_while_it_says_so_and_by_external_control_planes_only(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    data, other = clusters
    await register(data, "far", kubeconfig(other))
    environment = {**ENVIRONMENT, "LOCAL_CLUSTER_SECRET_WATCHER": "false", "INJECTION_WEBHOOK_CONFIG_NAME": ""}
    with network() as addresses:
        await install_webhooks(other, addresses.address(1))
        plane = control_plane(data, addresses.address(1), tmp_path, **environment)
        async with running(plane):
            await eventually(lambda: root_in(data))
            assert not await root_in(other)
            await lead(other, "*")
            root = await eventually(lambda: root_in(other))
            assert root == await root_in(data)
            assert root not in await bundles(other, "mutating")
            await lead(other, "another")
            await eventually(lambda: _is_free(other))


async def _is_free(cluster: TestCluster) -> bool:
    """Whether nobody holds its lock."""
    annotations = (await cluster.call("GET", LOCK))["metadata"]["annotations"]
    return not json.loads(annotations["control-plane.alpha.kubernetes.io/leader"])["holderIdentity"]
