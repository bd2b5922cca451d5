"""Several control planes on one cluster: each keeps to its own objects, and the default one goes first."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.control_plane import ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading, running_cluster
from tests.kubernetes.test_writers import found, holder
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from webhook import configurations
from webhook.configurations import Endpoint

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(200)]

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
ASKING = frozenset(("tokenreviews", "subjectaccessreviews"))
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
    ],
}
MESH = """
apiVersion: v1
kind: Namespace
metadata: {{name: mesh-{0}, labels: {{mesh: {0}}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio-{0}, namespace: mesh-{0}}}
data: {{mesh: "rootNamespace: mesh-{0}\\ndiscoverySelectors: [{{matchLabels: {{mesh: {0}}}}}]"}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: istiod, namespace: mesh-{0}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: mesh-{0}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}
subjects: [{{kind: ServiceAccount, name: istiod, namespace: mesh-{0}}}]
---
apiVersion: v1
kind: Namespace
metadata: {{name: shop-{0}, labels: {{mesh: {0}, istio.io/rev: {0}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop-{0}}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: edge, namespace: shop-{0}}}
spec: {{parentRefs: [{{name: edge}}], rules: [{{backendRefs: [{{name: none, port: 80}}]}}]}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: outside, namespace: shop-{0}}}
spec: {{hosts: [outside.example.com], ports: [{{number: 443, name: tls, protocol: TLS}}], resolution: DNS}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: odd, namespace: shop-{0}}}
spec: {{rules: [{{when: [{{key: source.ip, values: [nonsense]}}]}}]}}
"""
WRITTEN = (
    "/apis/gateway.networking.k8s.io/v1/namespaces/shop-{}/gateways/edge",
    "/apis/gateway.networking.k8s.io/v1/namespaces/shop-{}/httproutes/edge",
    "/apis/networking.istio.io/v1/namespaces/shop-{}/serviceentries/outside",
    "/apis/security.istio.io/v1/namespaces/shop-{}/authorizationpolicies/odd",
)
DEPLOYED = "/apis/apps/v1/namespaces/{}/deployments/edge-istio"


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, and what was written to it."""

    cluster: TestCluster
    audit: Path

    def writes(self, namespace: str) -> set[tuple[str, str, str]]:
        """Resource, namespace and name of what the control plane of a namespace wrote."""
        who, found = f"system:serviceaccount:{namespace}:istiod", set()
        for line in self.audit.read_text().splitlines():
            event = json.loads(line)
            what = event["objectRef"]
            if event["user"]["username"] == who and what["resource"] not in ASKING:
                found.add((what["resource"], what.get("namespace", ""), what.get("name", "")))
        return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("cluster")
    (directory / "audit.yaml").write_text(json.dumps(AUDIT))
    log = directory / "audit.log"
    with running_cluster({"audit-policy-file": str(directory / "audit.yaml"), "audit-log-path": str(log)}) as made:
        asyncio.run(_prepare(made))
        yield Place(made, log)


async def _prepare(cluster: TestCluster) -> None:
    await cluster.install_definitions()
    await cluster.close()


@pytest.fixture
async def place(whole: Place) -> AsyncIterator[Place]:
    yield whole
    await whole.cluster.wipe()
    await whole.cluster.close()


async def create(cluster: TestCluster, text: str) -> None:
    for each in yaml.safe_load_all(text):
        await cluster.create(each)


async def kubeconfig(cluster: TestCluster, namespace: str, directory: Path) -> Path:
    """Of the account `istiod` there."""
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/istiod"
    made = await cluster.call("POST", f"{account}/token", {"spec": {"expirationSeconds": 3600}})
    content = json.loads(cluster.server.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": made["status"]["token"]}
    path = directory.with_name(f"{directory.name}.kubeconfig")
    path.write_text(json.dumps(content))
    return path


async def plane(
    cluster: TestCluster, addresses: Network, number: int, work: Path, revision: str, namespace: str
) -> ControlPlane:
    """A control plane of a revision that is not started yet."""
    directory, address = work / revision, addresses.address(number)
    config = reading(await kubeconfig(cluster, namespace, directory), directory)
    environment = {
        "REVISION": revision,
        "POD_NAMESPACE": namespace,
        "POD_NAME": f"istiod-{number - 1}",
        "ISTIOD_CUSTOM_HOST": address,
    }
    return ControlPlane(address, None, directory, config, environment)


async def root_in(cluster: TestCluster, namespace: str) -> str:
    read = await found(cluster, f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")
    return str(read["data"]["root-cert.pem"]) if read else ""


async def authorities(cluster: TestCluster, kind: str, name: str) -> set[str]:
    """Whom API servers believe that call these webhooks."""
    read = await cluster.call("GET", f"{WEBHOOKS}/{kind}/{name}")
    return {base64.b64decode(each["clientConfig"].get("caBundle", "")).decode() for each in read["webhooks"]}


async def has_said_everything(cluster: TestCluster, name: str) -> bool:
    """Whether a control plane has written whatever it writes."""
    said = [((await found(cluster, each.format(name))) or {}).get("status") for each in WRITTEN]
    is_programmed = "istio.io/gateway-controller" in json.dumps(said[1])
    policies = await cluster.call(
        "GET", f"{WEBHOOKS}/validatingwebhookconfigurations/istio-validator-{name}-mesh-{name}"
    )
    is_binding = all(each["failurePolicy"] == "Fail" for each in policies["webhooks"])
    deployed = await found(cluster, DEPLOYED.format(f"shop-{name}"))
    return all(said) and is_programmed and is_binding and deployed is not None


async def test_two_meshes_never_touch_each_others_objects(place: Place, tmp_path: Path) -> None:
    cluster = place.cluster
    with network() as addresses:
        for number, name in ((1, "a"), (2, "b")):
            await create(cluster, MESH.format(name))
            where = Endpoint(url=f"https://{addresses.address(number)}:25017")
            for build in (configurations.build_injection, configurations.build_validation):
                each = build(name, where, namespace=f"mesh-{name}")
                await cluster.call("POST", f"{WEBHOOKS}/{each['kind'].lower()}s", each)
        await create(cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: other}}")
        planes = [
            await plane(cluster, addresses, n, tmp_path, name, f"mesh-{name}") for n, name in ((1, "a"), (2, "b"))
        ]
        async with running(planes[0]), running(planes[1]):
            for name in ("a", "b"):
                await eventually(lambda name=name: has_said_everything(cluster, name), within=30)  # type: ignore[misc]
            roots = {name: await root_in(cluster, f"shop-{name}") for name in ("a", "b")}
            assert roots["a"] != roots["b"]
            for name, root in roots.items():
                assert await root_in(cluster, f"mesh-{name}") == root
                assert await authorities(
                    cluster, "mutatingwebhookconfigurations", f"istio-sidecar-injector-{name}-mesh-{name}"
                ) == {root}
            await create(cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: late, labels: {mesh: b}}}")
            assert await eventually(lambda: root_in(cluster, "late")) == roots["b"]
            assert not await root_in(cluster, "other")
    own = {name: place.writes(f"mesh-{name}") for name in ("a", "b")}
    assert all(len(each) > 15 for each in own.values())
    shared = own["a"] & own["b"]
    assert {resource for resource, *_ in shared} <= {"gatewayclasses"}
    assert {namespace for _, namespace, _ in own["a"]} <= {"", "mesh-a", "shop-a"}
    assert {namespace for _, namespace, _ in own["b"]} <= {"", "mesh-b", "shop-b", "late"}
    cluster_wide = {(resource, name) for each in own.values() for resource, namespace, name in each if not namespace}
    webhooks = {name for resource, name in cluster_wide if resource != "gatewayclasses"}
    assert webhooks == {f"istio-sidecar-injector-{each}-mesh-{each}" for each in "ab"} | {
        f"istio-validator-{each}-mesh-{each}" for each in "ab"
    }


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: {0}}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
"""


async def is_deployed(cluster: TestCluster, namespace: str) -> bool:
    return await found(cluster, DEPLOYED.format(namespace)) is not None


async def test_the_default_revision_takes_over_locks_and_what_asks_for_nobody(place: Place, tmp_path: Path) -> None:
    cluster = place.cluster
    await create(cluster, MESH.format("a"))
    await create(cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: plain, labels: {mesh: a}}}")
    await create(cluster, GATEWAY.format("plain"))
    maps = await cluster.call("GET", "/api/v1/namespaces/mesh-a/configmaps/istio-a")
    stable = {"metadata": {"name": "istio-stable"}, "data": maps["data"]}
    await cluster.call("POST", "/api/v1/namespaces/mesh-a/configmaps", stable)
    lock = "istio-namespace-controller-election"
    with network() as addresses:
        canary = await plane(cluster, addresses, 1, tmp_path, "a", "mesh-a")
        default = await plane(cluster, addresses, 2, tmp_path, "stable", "mesh-a")
        async with running(canary):
            await eventually(lambda: is_deployed(cluster, "shop-a"))
            assert await eventually(lambda: holder(cluster, lock, "mesh-a")) == "istiod-0"
            async with running(default):
                where = Endpoint(url=f"https://{default.address}:25017").client_config("/inject")
                tag = configurations.build_tag("default", "stable", where)
                await cluster.call("POST", f"{WEBHOOKS}/mutatingwebhookconfigurations", tag)

                async def has_moved() -> bool:
                    return await holder(cluster, lock, "mesh-a") == "istiod-1"

                await eventually(has_moved)
                await eventually(lambda: is_deployed(cluster, "plain"))
                deployed = await cluster.call("GET", DEPLOYED.format("plain"))
                assert "stable" in json.dumps(deployed["spec"]["template"]["metadata"])
                theirs = await cluster.call("GET", DEPLOYED.format("shop-a"))
                assert "stable" not in json.dumps(theirs["spec"]["template"]["metadata"])
