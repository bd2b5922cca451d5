"""Two real API servers, one mesh: what proxies of both are served is what istiod served them; clusters that come, hang
and go.
"""

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from click.testing import CliRunner
from envoy.config.core.v3 import base_pb2
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as EnvoySecret

from pilot.cli.remote_secret import create_remote_secret
from pilot.type_urls import SECRET as SECRET_TYPE
from tests.control_plane import GRPC, HTTP, SECURE, ControlPlane, running
from tests.kubernetes.cluster import TestCluster
from tests.kubernetes.follower import following
from tests.kubernetes.remote import SECRETS, control_plane, kubeconfig, register, states, token_controller
from tests.kubernetes.test_certificate_authority import bearer, create, names, secret
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.pems import pair, tls_secret
from tests.pilot.xds.clients import Client
from tests.shared import shared_path

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(300)]

ONLY_REMOTE = "outbound|80||only-remote.data.svc.cluster.local"
CART = "outbound|80||cart.shop.svc.cluster.local"


@pytest.fixture
async def clusters(
    defined_cluster: TestCluster, second_cluster: TestCluster
) -> AsyncIterator[tuple[TestCluster, TestCluster]]:
    both_clusters = defined_cluster, second_cluster
    names = ("cluster-Kubernetes.yaml", "cluster-remote1.yaml")
    for cluster, name in zip(both_clusters, names, strict=True):
        await cluster.load(shared_path("aux", "multicluster", name).read_text())
    mesh = shared_path("aux", "multicluster", "mesh.yaml").read_text()
    maps = "/api/v1/namespaces/istio-system/configmaps"
    await both_clusters[0].call("POST", maps, {"metadata": {"name": "istio"}, "data": {"mesh": mesh}})
    yield both_clusters
    for cluster in both_clusters:
        cluster.server.start_again_if_needed()
        await cluster.wipe()
        await cluster.close()


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_both_clusters_are_served_as_recorded(clusters: tuple[TestCluster, TestCluster], tmp_path: Path) -> None:
    first, second = clusters
    await register(first, "remote1", kubeconfig(second))
    scenario, tools = shared_path("aux", "multicluster"), shared_path("tools")
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane):
            served = str(tmp_path / "served")
            said = await run(
                str(tools / "xdsdump.py"), "--addr", f"{plane.address}:{GRPC}", str(scenario / "proxies.yaml"), served
            )
            assert await states(plane) == {"Kubernetes": "synced", "remote1": "synced"}
    compared = await run(str(tools / "goldendiff.py"), str(scenario / "golden"), served, "--show", "3")
    matched, total = (int(each) for each in compared.rsplit("match ", 1)[-1].split(" ")[0].split("/"))
    assert matched == total, said + compared


async def test_a_cluster_comes_hangs_and_goes_while_others_are_served(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane), following(plane.grpc, ONLY_REMOTE, CART) as proxy:
            await eventually(lambda: CART in proxy.clusters)
            assert ONLY_REMOTE not in proxy.clusters
            await register(first, "remote1", kubeconfig(second))
            await eventually(lambda: ONLY_REMOTE in proxy.clusters)
            second.server.kill()
            await eventually(lambda: plane.lines("what was known stays"))
            assert ONLY_REMOTE in proxy.clusters
            second.server.start_again()
            await first.call("DELETE", f"{SECRETS}/istio-remote-secret-remote1")
            await eventually(lambda: ONLY_REMOTE not in proxy.clusters)
            assert CART in proxy.clusters
            assert await states(plane) == {"Kubernetes": "synced"}


async def test_another_kubeconfig_takes_over_and_what_is_too_old_goes(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    await register(first, "remote1", kubeconfig(second))
    with network() as addresses:
        plane = control_plane(
            first,
            addresses.address(1),
            tmp_path,
            MESHPILOT_REMOTE_CLUSTER_MAX_AGE="2s",
            PILOT_REMOTE_CLUSTER_TIMEOUT="5s",
        )
        async with running(plane), following(plane.grpc, ONLY_REMOTE, CART) as proxy:
            await eventually(lambda: ONLY_REMOTE in proxy.clusters)
            await register(first, "remote1", kubeconfig(second, token="of nobody"))
            await eventually(lambda: plane.lines("status 401", "what was known stays"))
            await _serve(second, "while-refused")
            await eventually(lambda: "outbound|80||while-refused.data.svc.cluster.local" in proxy.clusters)
            await register(first, "remote1", kubeconfig(second, token=second.server.admin_token, username="again"))
            await eventually(lambda: len(plane.lines("remote1", "everything is read")) == 2)
            assert ONLY_REMOTE in proxy.clusters
            second.server.kill()
            await eventually(lambda: ONLY_REMOTE not in proxy.clusters)
            assert CART in proxy.clusters
            assert (await states(plane))["remote1"] == "timeout"
            assert (await plane.figures("remote_cluster_secret_events_total")) == {"add": 1, "update": 2}
            second.server.start_again()
            await eventually(lambda: ONLY_REMOTE in proxy.clusters, within=30)


async def test_what_create_remote_secret_prints_makes_a_cluster_one_of_the_mesh(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    given = ("--kubeconfig", str(second.server.kubeconfig), "--name", "remote1")
    async with token_controller(second):
        printed = await asyncio.to_thread(CliRunner().invoke, create_remote_secret, given)
        again = await asyncio.to_thread(CliRunner().invoke, create_remote_secret, given)
    assert printed.exit_code == 0, printed.output
    assert again.output == printed.output
    (made,) = [each for each in yaml.safe_load_all(printed.output) if each]
    await first.create(made)
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane), following(plane.grpc, ONLY_REMOTE) as proxy:
            assert await states(plane) == {"Kubernetes": "synced", "remote1": "synced"}
            await eventually(lambda: proxy.endpoints.get(ONLY_REMOTE))
            assert not plane.lines("multicluster", "may not be read")
            await second.server.service_account("data", "far")
            token = await second.server.token("data", "far")
            root = (await secret(first.server, "istio-system", "istio-ca-secret"))["root-cert.pem"]
            chain = await create(plane, "istio-system", root, bearer(token, "remote1"))
            assert names(chain[0]) == ["spiffe://cluster.local/ns/data/sa/far"]


async def test_gateways_of_another_cluster_have_the_certificates_of_that_one(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    await register(first, "remote1", kubeconfig(second))
    for cluster, name in ((first, "own"), (second, "far")):
        made = yaml.safe_load_all(tls_secret("data", "cert", name) + tls_secret("data", f"only-{name}", name))
        await cluster.load(yaml.safe_dump_all({"apiVersion": "v1", **each} for each in made))
    for account in ("reader", "other"):
        await second.server.service_account("data", account)
    await _let_read_secrets(second, "reader")
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane):
            root = (await secret(first.server, "istio-system", "istio-ca-secret"))["root-cert.pem"]
            async with gateway(plane, root, await second.server.token("data", "reader")) as reader:
                wanted = ("kubernetes://cert", "kubernetes://only-own", "kubernetes://only-far")
                said = await reader.ask(SECRET_TYPE, *wanted)
                while len(said.names) < len(wanted):
                    said = await reader.receive()
                served = {each.name: EnvoySecret.FromString(each.resource.value) for each in said.message.resources}
                chains = {name: each.tls_certificate.certificate_chain.inline_bytes for name, each in served.items()}
                own, far = pair("own")[0].encode(), pair("far")[0].encode()
                assert chains == dict(zip(wanted, (far, own, far), strict=True))
            async with gateway(plane, root, await second.server.token("data", "other")) as other:
                await other.send(SECRET_TYPE, *wanted)
                assert await other.is_quiet()


async def test_with_the_mcs_api_clusters_use_what_others_export(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    for cluster in clusters:
        for kind in ("ServiceExport", "ServiceImport"):
            await cluster.create(mcs_definition(kind))
    await register(first, "remote1", kubeconfig(second))
    imported = {"apiVersion": MCS, "kind": "ServiceImport", "metadata": {"name": "only-remote", "namespace": "data"}}
    await second.call_when_served(
        "POST", f"/apis/{MCS}/namespaces/data/serviceimports", {**imported, "spec": {"ips": ["243.0.0.1"]}}
    )
    everywhere = ONLY_REMOTE.replace("cluster.local", "clusterset.local")
    flags: dict[str, Any] = {f"ENABLE_MCS_{each}": "true" for each in ("SERVICE_DISCOVERY", "HOST")}
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path / "quiet", **flags)
        async with running(plane), following(plane.grpc, ONLY_REMOTE, everywhere) as proxy:
            await eventually(lambda: {ONLY_REMOTE, everywhere} <= proxy.clusters)
            await eventually(lambda: {ONLY_REMOTE, everywhere} <= proxy.endpoints.keys())
            assert not proxy.endpoints[ONLY_REMOTE]
            assert not proxy.endpoints[everywhere]
            path = f"/apis/{MCS}/namespaces/data/serviceexports"
            await second.call("POST", path, {"apiVersion": MCS, "kind": "ServiceExport", "metadata": EXPORTED})
            await eventually(lambda: proxy.endpoints[ONLY_REMOTE] and proxy.endpoints[everywhere])
            rows = json.loads((await plane.get(HTTP, "/debug/mcsz"))[1])
            (row,) = (each for each in rows if each["Cluster"] == "remote1")
            assert (row["Name"], row["Exported"], row["Imported"], row["ClusterSetVIP"]) == (
                *("only-remote", True, True, "243.0.0.1"),
            )
            await second.call("DELETE", f"{path}/only-remote")
            await eventually(lambda: not proxy.endpoints[ONLY_REMOTE])
        plane = control_plane(
            first, addresses.address(2), tmp_path / "exporting", ENABLE_MCS_AUTO_EXPORT="true", **flags
        )
        async with running(plane):
            await eventually(lambda: exports(second, "only-remote"))
            assert await eventually(lambda: exports(first))
            assert not {each for each in await exports(second) if each.startswith("kube-system/")}


MCS = "multicluster.x-k8s.io/v1alpha1"
EXPORTED = {"name": "only-remote", "namespace": "data"}


async def exports(cluster: TestCluster, *names: str) -> set[str]:
    """ServiceExports that a Service owns, by namespace and name."""
    found = (await cluster.call("GET", f"/apis/{MCS}/serviceexports"))["items"]
    owned = [each["metadata"] for each in found if each["metadata"]["ownerReferences"][0]["kind"] == "Service"]
    return {f"{each['namespace']}/{each['name']}" for each in owned if not names or each["name"] in names}


def mcs_definition(kind: str) -> dict[str, Any]:
    plural, anything = f"{kind.lower()}s", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    spec = {
        "group": "multicluster.x-k8s.io",
        "names": {"kind": kind, "plural": plural},
        "scope": "Namespaced",
        "versions": [version],
    }
    metadata = {"name": f"{plural}.multicluster.x-k8s.io"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


@contextlib.asynccontextmanager
async def gateway(plane: ControlPlane, root: str, token: str) -> AsyncIterator[Client]:
    """A gateway of the other cluster, by its token."""
    options = [("grpc.ssl_target_name_override", "istiod.istio-system.svc"), ("grpc.use_local_subchannel_pool", 1)]
    credentials = grpc.ssl_channel_credentials(root.encode())
    async with grpc.aio.secure_channel(f"{plane.address}:{SECURE}", credentials, options) as channel:
        client = Client(channel, delta=True, metadata=bearer(token, "remote1"))
        client.node = base_pb2.Node(id="router~10.9.0.9~gw-1.data~data.svc.cluster.local")
        client.node.metadata.update({"ISTIO_VERSION": "1.29.1", "NAMESPACE": "data", "CLUSTER_ID": "remote1"})
        yield client


async def _let_read_secrets(cluster: TestCluster, account: str) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/data"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    await cluster.call("POST", f"{rbac}/roles", {"metadata": {"name": "read"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "data"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"}
    binding = {"metadata": {"name": "read"}, "roleRef": role, "subjects": [subject]}
    await cluster.call("POST", f"{rbac}/rolebindings", binding)


async def _serve(cluster: TestCluster, name: str) -> None:
    spec = {"ports": [{"name": "http", "port": 80}]}
    metadata = {"name": name, "namespace": "data"}
    await cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


async def test_one_that_does_not_answer_or_may_not_be_used_delays_nobody(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    with silent_server() as url, network() as addresses:
        for name, where in (("nowhere", "https://127.0.0.1:1"), ("silent", url)):
            content = kubeconfig(second)
            content["clusters"][0]["cluster"]["server"] = where
            await register(first, name, content)
        await register(first, "program", kubeconfig(second, exec={"command": "/bin/true", "apiVersion": "v1"}))
        provider = {"name": "gcp", "config": {}}
        await register(first, "plugin", kubeconfig(second, **{"auth-provider": provider}))
        await register(first, "good", kubeconfig(second))
        plane = control_plane(first, addresses.address(1), tmp_path, PILOT_REMOTE_CLUSTER_TIMEOUT="1s")
        async with running(plane), following(plane.grpc, ONLY_REMOTE) as proxy:
            assert (await plane.get(HTTP, "/ready"))[0] == 200
            own = {"Kubernetes": "synced", "good": "synced"}
            unheard = {"nowhere": "timeout", "silent": "timeout"}
            assert await states(plane) == own | unheard | {"program": "closed", "plugin": "closed"}
            assert plane.lines("program", "authentication by exec is refused")
            assert plane.lines("plugin", "authentication by gcp is refused")
            await eventually(lambda: ONLY_REMOTE in proxy.clusters)
            await _serve(second, "beside-a-silent-one")
            await eventually(lambda: "outbound|80||beside-a-silent-one.data.svc.cluster.local" in proxy.clusters)
            assert await plane.figures("remote_cluster_sync_timeouts_total") == {"nowhere": 1, "silent": 1}


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """The kernel takes connections; nobody ever says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
