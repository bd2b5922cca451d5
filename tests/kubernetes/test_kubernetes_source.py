"""The source on a real API server: kinds that come and go, rights in single namespaces, changes that mean nothing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.kube_client import KubeClient, connect
from pilot.model.features import Features
from pilot.model.snapshot import Change, Snapshot
from pilot.sources.kubernetes import reflector
from pilot.sources.kubernetes.resources import select_resources
from pilot.sources.kubernetes.source import KubernetesSource, Scope
from tests.kubernetes.api_server import ISSUER
from tests.kubernetes.cluster import TestCluster, running_cluster
from tests.pilot.agent.eventually import eventually
from tests.shared import shared_path

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(120)]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NETWORKING = "/apis/networking.istio.io/v1/namespaces"


@pytest.fixture(scope="module")
def only_cluster() -> Iterator[TestCluster]:
    with running_cluster() as made:
        made.note_what_is_there()
        yield made


@pytest.fixture
async def cluster(only_cluster: TestCluster) -> AsyncIterator[TestCluster]:
    for name in ("istio-system", "shop", "bank"):
        await only_cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await only_cluster.create(service("web", name))
    yield only_cluster
    await only_cluster.close()
    await only_cluster.wipe()


def service(name: str, namespace: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    spec = {"ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


class Reader:
    """A mesh that follows the cluster."""

    def __init__(self, source: KubernetesSource) -> None:
        self.source = source
        self.snapshot = Snapshot.empty()
        self.changes: list[Change] = []
        self.batches = 0

    async def read(self) -> None:
        async for batch in self.source.watch():
            self.snapshot, change = self.snapshot.apply(batch.events)
            self.batches += 1
            if change:
                self.changes.append(change)

    def hosts(self) -> set[str]:
        """`name.namespace` of services."""
        return {".".join(each.hostname.split(".")[:2]) for each in self.snapshot.services} - {"kubernetes.default"}


@contextlib.asynccontextmanager
async def reading(kubeconfig: Path, scope: Scope | None = None) -> AsyncIterator[Reader]:
    client: KubeClient = await connect(kubeconfig)
    reader = Reader(KubernetesSource(client, select_resources(Features()), scope))
    task = asyncio.create_task(reader.read())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


async def install(cluster: TestCluster, *names: str) -> None:
    """Definitions of Istio by plural."""
    documents = yaml.load_all(shared_path("data", "crds", "istio-1.29.1.yaml").read_text(), yaml.CSafeLoader)
    for each in documents:
        if each and each["metadata"]["name"].partition(".")[0] in names:
            await cluster.create({key: value for key, value in each.items() if key != "status"})


@pytest.mark.shared
async def test_kinds_come_and_go_while_the_program_runs(cluster: TestCluster) -> None:
    async with reading(cluster.server.kubeconfig) as reader:
        await eventually(lambda: reader.hosts() == {"web.shop", "web.bank", "web.istio-system"})
        await install(cluster, "serviceentries")
        entry = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"hosts": ["a.example"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]},
        }
        await cluster.call_when_served("POST", f"{NETWORKING}/shop/serviceentries", entry)
        await eventually(lambda: "a.example" in reader.hosts())
        await cluster.call("DELETE", f"{DEFINITIONS}/serviceentries.networking.istio.io")
        await eventually(lambda: "a.example" not in reader.hosts(), within=30)


@pytest.mark.shared
async def test_status_and_bookkeeping_change_nothing(cluster: TestCluster) -> None:
    await install(cluster, "virtualservices")
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
    }
    path = f"{NETWORKING}/shop/virtualservices"
    await cluster.call_when_served("POST", path, route)
    async with reading(cluster.server.kubeconfig) as reader:
        await eventually(lambda: reader.snapshot.virtual_services)
        changes, batches = len(reader.changes), reader.batches
        await cluster.call("PATCH", f"{path}/web", {"metadata": {"annotations": {"example.com/touched": "now"}}})
        status = {"status": {"conditions": [{"type": "Reconciled", "status": "True"}]}}
        await cluster.call("PATCH", f"{path}/web/status", status)
        services = "/api/v1/namespaces/shop/services/web"
        await cluster.call("PATCH", services, {"metadata": {"annotations": {"example.com/touched": "now"}}})
        await eventually(lambda: reader.batches > batches)
        await cluster.create(service("last", "shop"))
        await eventually(lambda: "last.shop" in reader.hosts())
        assert len(reader.changes) == changes + 1


async def test_lists_come_in_pages(cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PAGE", 3)
    for number in range(10):
        await cluster.create(service(f"s{number}", "shop"))
    async with reading(cluster.server.kubeconfig) as reader:
        await eventually(lambda: len(reader.hosts()) == 13)


ROLLS = "servicemeshmemberrolls.maistra.io"


def roll_definition() -> Mapping[str, Any]:
    names = {"kind": "ServiceMeshMemberRoll", "plural": "servicemeshmemberrolls", "singular": "servicemeshmemberroll"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "maistra.io", "scope": "Namespaced", "names": names, "versions": [version]}
    api = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**api, "metadata": {"name": ROLLS}, "spec": spec}


async def restricted(cluster: TestCluster, directory: Path) -> Path:
    """A kubeconfig whose user may read everything in `istio-system` and `shop` and `bank`, and nothing else."""
    server = cluster.server
    await server.service_account("istio-system", "pilot")
    for namespace in ("istio-system", "shop", "bank"):
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
        await cluster.call("POST", f"{rbac}/roles", {"metadata": {"name": "pilot"}, "rules": [rule]})
        subject = {"kind": "ServiceAccount", "name": "pilot", "namespace": "istio-system"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pilot"}
        binding = {"metadata": {"name": "pilot"}, "subjects": [subject], "roleRef": reference}
        await cluster.call("POST", f"{rbac}/rolebindings", binding)
    token = await server.token("istio-system", "pilot", audience=ISSUER)
    content = json.loads(server.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    path = directory / "restricted"
    path.write_text(json.dumps(content))
    return path


async def test_members_of_a_mesh_without_rights_in_the_cluster_change_at_run_time(
    cluster: TestCluster, tmp_path: Path
) -> None:
    kubeconfig = await restricted(cluster, tmp_path)
    await cluster.create(dict(roll_definition()))
    rolls = "/apis/maistra.io/v1/namespaces/istio-system/servicemeshmemberrolls"
    roll = {"apiVersion": "maistra.io/v1", "kind": "ServiceMeshMemberRoll", "metadata": {"name": "default"}}
    await cluster.call_when_served("POST", rolls, {**roll, "spec": {"members": ["shop"]}})
    async with reading(kubeconfig) as reader:
        await eventually(lambda: reader.hosts() == {"web.istio-system", "web.shop"}, within=30)
        await cluster.call("PATCH", f"{rolls}/default", {"spec": {"members": ["shop", "bank"]}})
        await eventually(lambda: reader.hosts() == {"web.istio-system", "web.shop", "web.bank"})
        await cluster.call("PATCH", f"{rolls}/default", {"spec": {"members": ["bank"]}})
        await eventually(lambda: reader.hosts() == {"web.istio-system", "web.bank"})
        await cluster.create(service("new", "bank"))
        await eventually(lambda: "new.bank" in reader.hosts())


async def test_configured_members_need_no_roll(cluster: TestCluster, tmp_path: Path) -> None:
    kubeconfig = await restricted(cluster, tmp_path)
    async with reading(kubeconfig, Scope(members=("shop",))) as reader:
        await eventually(lambda: reader.hosts() == {"web.istio-system", "web.shop"}, within=30)


async def test_everything_outside_one_namespace_may_be_left_alone(cluster: TestCluster) -> None:
    async with reading(cluster.server.kubeconfig, Scope(only=("shop",))) as reader:
        await eventually(lambda: reader.hosts() == {"web.shop"})
