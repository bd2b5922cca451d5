"""What the program leaves in a real cluster, beside what istiod left there; and with two replicas."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ca.errors import KubernetesError
from tests.control_plane import HTTPS, ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.shared import shared_path
from webhook import configurations
from webhook.configurations import Endpoint

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(300)]

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
SYSTEM = "/api/v1/namespaces/istio-system"


@contextlib.contextmanager
def replicas(cluster: TestCluster, work: Path, count: int = 1, **environment: str) -> Iterator[list[ControlPlane]]:
    """Control planes of one cluster that are not started yet."""
    arguments = reading(cluster.server.kubeconfig, work)
    with network() as addresses:
        yield [
            ControlPlane(
                address,
                None,
                work / str(number),
                arguments,
                {"POD_NAME": f"istiod-{number}", "ISTIOD_CUSTOM_HOST": address, "REVISION": "default", **environment},
            )
            for number, address in enumerate(map(addresses.address, range(1, count + 1)))
        ]


async def found(cluster: TestCluster, path: str) -> Any:
    """An object; None where there is none."""
    try:
        return await cluster.call("GET", path)
    except KubernetesError as error:
        if error.status != 404:
            raise
        return None


async def create_namespace(cluster: TestCluster, name: str, **labels: str) -> None:
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})


# --- roots ----------------------------------------------------------------------------------------------------------


async def root_of(cluster: TestCluster, namespace: str) -> str:
    read = await found(cluster, f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")
    return str(read["data"].get("root-cert.pem", "")) if read else ""


async def test_every_namespace_gets_the_root_and_keeps_it(cluster: TestCluster, tmp_path: Path) -> None:
    await create_namespace(cluster, "before")
    with replicas(cluster, tmp_path) as (plane,):
        async with running(plane):
            root = await eventually(lambda: root_of(cluster, "before"))
            for namespace in ("default", "kube-system", "istio-system"):
                assert await eventually(lambda where=namespace: root_of(cluster, where)) == root  # type: ignore[misc]
            secret = await cluster.call("GET", f"{SYSTEM}/secrets/istio-ca-secret")
            assert base64.b64decode(secret["data"]["ca-cert.pem"]).decode().strip() == root.strip()
            await create_namespace(cluster, "later")
            assert await eventually(lambda: root_of(cluster, "later")) == root
            path = "/api/v1/namespaces/later/configmaps/istio-ca-root-cert"
            await cluster.call("PATCH", path, {"data": {"root-cert.pem": "nonsense", "other": "kept"}})

            async def is_repaired() -> bool:
                return await root_of(cluster, "later") == root

            await eventually(is_repaired)
            read = await cluster.call("GET", path)
            assert read["data"]["other"] == "kept"
            assert read["metadata"]["labels"] == {"istio.io/config": "true"}
            await cluster.call("DELETE", path)
            await eventually(is_repaired)
            assert (await found(cluster, "/api/v1/namespaces/later/configmaps/istio-ca-crl"))["data"] == {
                "ca-crl.pem": ""
            }
            assert not await root_of(cluster, "kube-public")


async def holder(cluster: TestCluster, name: str, namespace: str = "istio-system") -> str:
    read = await found(cluster, f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    text = (read or {}).get("metadata", {}).get("annotations", {}).get("control-plane.alpha.kubernetes.io/leader", "")
    return next((each for each in ("istiod-0", "istiod-1") if each in text), "")


async def test_another_replica_goes_on_after_kill_nine_and_at_once_after_a_signal(
    cluster: TestCluster, tmp_path: Path
) -> None:
    lock = "istio-namespace-controller-election"
    with replicas(cluster, tmp_path, 2) as (first, second):
        async with running(first):
            await eventually(lambda: root_of(cluster, "default"))
            assert await holder(cluster, lock) == "istiod-0"
            async with running(second):
                await first.kill()
                await create_namespace(cluster, "orphan")
                await eventually(lambda: root_of(cluster, "orphan"), within=15)
                assert await holder(cluster, lock) == "istiod-1"
                assert await second.stop() == 0
                assert await holder(cluster, lock) == ""


# --- webhooks -------------------------------------------------------------------------------------------------------


async def test_webhooks_get_our_root_and_validation_becomes_binding(cluster: TestCluster, tmp_path: Path) -> None:
    with replicas(cluster, tmp_path) as (plane,):
        where = Endpoint(url=f"https://{plane.address}:{HTTPS}", ca_bundle="")
        for made in (
            configurations.build_injection("default", where),
            configurations.build_injection("canary", where),
            configurations.build_validation("default", where),
        ):
            await cluster.call("POST", f"{WEBHOOKS}/{made['kind'].lower()}s", made)

        async def is_ours(kind: str, name: str) -> bool:
            read = await cluster.call("GET", f"{WEBHOOKS}/{kind}/{name}")
            return all(each["clientConfig"].get("caBundle") for each in read["webhooks"])

        async with running(plane):
            await eventually(lambda: is_ours("mutatingwebhookconfigurations", "istio-sidecar-injector"))
            validator = "istio-validator-istio-system"
            await eventually(lambda: is_ours("validatingwebhookconfigurations", validator))
            assert not await is_ours("mutatingwebhookconfigurations", "istio-sidecar-injector-canary")

            async def is_binding() -> bool:
                read = await cluster.call("GET", f"{WEBHOOKS}/validatingwebhookconfigurations/{validator}")
                return bool(read["webhooks"][0]["failurePolicy"] == "Fail")

            await eventually(is_binding, within=60)


# --- what istiod left for the same objects ----------------------------------------------------------------------------

AMBIENT = {"PILOT_ENABLE_AMBIENT": "true", "PILOT_ENABLE_ALPHA_GATEWAY_API": "true"}


def recorded() -> dict[tuple[str, str, str], dict[str, Any]]:
    """By kind, namespace, name."""
    documents = yaml.load_all(shared_path("aux", "writers", "objects.yaml").read_text(), yaml.CSafeLoader)
    return {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in documents}


@contextlib.asynccontextmanager
async def loaded(cluster: TestCluster, work: Path, **environment: str) -> AsyncIterator[ControlPlane]:
    """The recorded input, and one control plane."""
    await cluster.load(shared_path("aux", "writers", "input.yaml").read_text())
    with replicas(cluster, work, 1, **AMBIENT, **environment) as (plane,):
        async with running(plane):
            yield plane


def said(status: Any) -> Any:
    """Of conditions what is not prose: type, status, reason, generation."""
    if isinstance(status, list):
        return [said(each) for each in status]
    if not isinstance(status, dict):
        return status
    if "reason" in status:
        return {name: status[name] for name in ("type", "status", "reason", "observedGeneration") if name in status}
    return {name: sorted(said(each), key=str) if name == "conditions" else said(each) for name, each in status.items()}


STATUSES = {
    ("Gateway", "amb", "waypoint"): "/apis/gateway.networking.k8s.io/v1/namespaces/amb/gateways/waypoint",
    ("Gateway", "demo", "edge"): "/apis/gateway.networking.k8s.io/v1/namespaces/demo/gateways/edge",
    ("Gateway", "demo", "edge2"): "/apis/gateway.networking.k8s.io/v1/namespaces/demo/gateways/edge2",
    ("Gateway", "plain", "foreign"): "/apis/gateway.networking.k8s.io/v1/namespaces/plain/gateways/foreign",
    ("GatewayClass", "", "istio"): "/apis/gateway.networking.k8s.io/v1/gatewayclasses/istio",
    ("GatewayClass", "", "istio-remote"): "/apis/gateway.networking.k8s.io/v1/gatewayclasses/istio-remote",
    ("GatewayClass", "", "istio-waypoint"): "/apis/gateway.networking.k8s.io/v1/gatewayclasses/istio-waypoint",
    ("ServiceEntry", "demo", "auto"): "/apis/networking.istio.io/v1/namespaces/demo/serviceentries/auto",
}


async def status_of(cluster: TestCluster, path: str) -> Any:
    return said(((await found(cluster, path)) or {}).get("status"))


async def test_statuses_are_as_recorded(cluster: TestCluster, tmp_path: Path) -> None:
    wanted = {path: said(recorded()[key].get("status")) for key, path in STATUSES.items()}
    async with loaded(cluster, tmp_path):

        async def differences() -> dict[str, Any]:
            now = {path: await status_of(cluster, path) for path in wanted}
            return {path: (now[path], wanted[path]) for path in wanted if now[path] != wanted[path]}

        async def is_as_wanted() -> bool:
            return not await differences()

        with contextlib.suppress(AssertionError):
            await eventually(is_as_wanted, within=20)
        for path, (now, then) in (await differences()).items():
            assert now == then, path
        made = await cluster.call("GET", STATUSES["GatewayClass", "", "istio"])
        assert made["spec"]["controllerName"] == "istio.io/gateway-controller"


async def test_a_policy_that_cannot_be_translated_says_so_until_it_can(cluster: TestCluster, tmp_path: Path) -> None:
    path = "/apis/security.istio.io/v1/namespaces/default/authorizationpolicies"
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "odd", "namespace": "default"},
        "spec": {"rules": [{"when": [{"key": "source.ip", "values": ["nonsense"]}]}]},
    }

    async def said_now() -> list[tuple[str, str]]:
        read = await cluster.call("GET", f"{path}/odd")
        conditions = read.get("status", {}).get("conditions", [])
        return [(each["type"], each["status"]) for each in conditions if "rules[0].when[0]" in each["message"]]

    async def is_silent() -> bool:
        return await said_now() == []

    await cluster.call("POST", path, policy)
    with replicas(cluster, tmp_path) as (plane,):
        async with running(plane):
            await eventually(said_now, within=20)
            assert await said_now() == [("Translated", "False")]
            stored = await cluster.call("GET", f"{path}/odd")
            stored["spec"]["rules"][0]["when"][0]["values"] = ["10.0.0.0/8"]
            await cluster.call("PUT", f"{path}/odd", stored)
            await eventually(is_silent, within=20)
            stored = await cluster.call("GET", f"{path}/odd")
            await cluster.call("PUT", f"{path}/odd", {**stored, "spec": policy["spec"]})
            await eventually(said_now, within=20)
            await plane.kill()
            stored = await cluster.call("GET", f"{path}/odd")
            stored["spec"]["rules"] = []
            await cluster.call("PUT", f"{path}/odd", stored)
            await plane.start()  # and sees what it said in its earlier life
            await eventually(is_silent, within=20)


async def test_an_object_that_cannot_be_read_any_more_says_so(cluster: TestCluster, tmp_path: Path) -> None:
    place = "/apis/networking.istio.io/v1/namespaces/default/sidecars"
    port = {"number": 9080, "protocol": "HTTP", "name": "http"}
    spec = {"ingress": [{"port": port, "defaultEndpoint": "127.0.0.1:80"}]}
    wrong = {"ingress": [{"port": {**port, "number": 90800}, "defaultEndpoint": "127.0.0.1:80"}]}

    async def says_so() -> bool:
        read = await cluster.call("GET", f"{place}/odd")
        told = [each for each in read.get("status", {}).get("conditions", []) if each["type"] == "Translated"]
        return any(each["status"] == "False" and "90800" in each["message"] for each in told)

    made = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "odd"}, "spec": spec}
    await cluster.call("POST", place, made)
    with replicas(cluster, tmp_path) as (plane,):
        async with running(plane):
            stored = await cluster.call("GET", f"{place}/odd")
            await cluster.call("PUT", f"{place}/odd", {**stored, "spec": wrong})
            await eventually(says_so, within=20)


LISTENING = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: moved, namespace: default}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}, {name: more, port: 81, protocol: HTTP}]
"""


async def test_what_istiod_said_before_us_goes_when_it_is_no_longer_so(cluster: TestCluster, tmp_path: Path) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/moved"

    async def listeners() -> list[str]:
        read = await cluster.call("GET", path)
        return [each["name"] for each in read["status"].get("listeners", ())]

    await cluster.load(LISTENING)
    with replicas(cluster, tmp_path) as (plane,):
        async with running(plane):
            await eventually(listeners)
            # As if another control plane had said all of it before.
            said = await cluster.call("GET", path)
            said["metadata"]["managedFields"] = [
                {**each, "manager": "pilot-discovery", "operation": "Update"} if each.get("subresource") else each
                for each in said["metadata"]["managedFields"]
            ]
            await cluster.call("PUT", path, said)
            await cluster.call(
                "PATCH", path, {"spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}
            )

            async def is_one() -> bool:
                return await listeners() == ["http"]

            await eventually(is_one)


INGRESS = """
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: edge, namespace: default, annotations: {kubernetes.io/ingress.class: istio}}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}
"""


async def test_ingresses_say_where_the_gateway_is_now(cluster: TestCluster, tmp_path: Path) -> None:
    service = f"{SYSTEM}/services/istio-ingressgateway"

    async def are(wanted: list[dict[str, str]]) -> bool:
        read = await cluster.call("GET", "/apis/networking.k8s.io/v1/namespaces/default/ingresses/edge")
        return bool((read["status"].get("loadBalancer") or {}).get("ingress", []) == wanted)

    await cluster.load(INGRESS)
    with replicas(cluster, tmp_path) as (plane,):
        async with running(plane):
            await eventually(lambda: are([{"ip": "192.0.2.1"}]))
            moved = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}
            await cluster.call("PATCH", f"{service}/status", moved)
            await eventually(lambda: are([{"hostname": "lb.example.com"}]))
            await cluster.call("DELETE", service)
            await eventually(lambda: are([]))


ON_DEMAND = ("HorizontalPodAutoscaler", "PodDisruptionBudget")
DEPLOYED = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "Service": "/api/v1/namespaces/{}/services/{}",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts/{}",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{}",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets/{}",
}


def comparable(kind: str, made: dict[str, Any]) -> dict[str, Any]:
    """What is deployed, without what an API server chooses; lists with names in one order."""
    kept = json.loads(json.dumps(made))
    metadata = kept["metadata"]
    owners = [{**each, "uid": ""} for each in metadata.get("ownerReferences", ())]
    spec = kept.get("spec") or {}
    for name in ("clusterIP", "clusterIPs", "ipFamilies"):
        spec.pop(name, None)
    for port in spec.get("ports", ()) if kind == "Service" else ():
        port.pop("nodePort", None)
    pod = spec.get("template", {}).get("spec", {})
    for container in pod.get("containers", ()):
        for each in ("env", "volumeMounts", "ports"):
            container[each] = sorted(container[each], key=str)
        for variable in container["env"]:
            if variable["name"] == "PROXY_CONFIG":
                variable["value"] = variable["value"].strip()
    if "volumes" in pod:
        pod["volumes"] = sorted(pod["volumes"], key=str)
    return {
        "labels": metadata.get("labels"),
        "annotations": {k: v for k, v in (metadata.get("annotations") or {}).items() if "deployment.kube" not in k},
        "owners": owners,
        "spec": spec,
    }


async def configure(cluster: TestCluster) -> None:
    """The recorded installation's templates, as they are users' own."""
    installed = yaml.load_all(shared_path("data", "install", "istio-1.29.1-ambient.yaml").read_text(), yaml.CSafeLoader)
    for each in installed:
        if each and (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "istio-sidecar-injector"):
            await cluster.create(each)


@pytest.mark.parametrize("templates", ["recorded", "ours"])
async def test_gateways_are_deployed_as_recorded(cluster: TestCluster, tmp_path: Path, templates: str) -> None:
    if templates == "recorded":
        await configure(cluster)
    wanted = {key: each for key, each in recorded().items() if key[0] in DEPLOYED}
    async with loaded(cluster, tmp_path):
        for (kind, namespace, name), then in wanted.items():
            path = DEPLOYED[kind].format(namespace, name)
            now = await eventually(lambda path=path: found(cluster, path), within=20)  # type: ignore[misc]
            a, b = comparable(kind, now), comparable(kind, then)
            if templates == "ours":
                a["spec"], b["spec"] = sorted(a["spec"]), sorted(b["spec"])
            assert a == b, (kind, name)
            managers = {each["manager"] for each in now["metadata"]["managedFields"]}
            assert "istio.io/gateway-controller" in managers
        for kind in ON_DEMAND:
            assert await found(cluster, DEPLOYED[kind].format("demo", "edge-istio")) is None
        if templates == "ours":
            gateway = "/apis/gateway.networking.k8s.io/v1/namespaces/demo/gateways/edge2"
            await cluster.call("PATCH", gateway, {"spec": {"infrastructure": {"parametersRef": None}}})

            async def is_plain() -> bool:
                left = [await found(cluster, DEPLOYED[kind].format("demo", "edge2-istio")) for kind in ON_DEMAND]
                return not any(left)

            await eventually(is_plain)
        assert await found(cluster, DEPLOYED["Deployment"].format("plain", "foreign")) is None
