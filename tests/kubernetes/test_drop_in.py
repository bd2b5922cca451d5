"""Our program in the place of istiod: its chart's manifests on a real API server, and nothing of them changed.

A Pod of the Deployment runs as kubelet runs it, with the rights of the chart's roles; the API server reaches it through
the chart's Service, and keeps a record of what it was refused.
"""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio
import yaml

from ca.errors import KubernetesError
from istio_api import ca_pb2
from pilot.type_urls import ADDRESS, CLUSTER, LISTENER
from tests.ca.makers import ec_key, make_csr
from tests.kubernetes.cluster import TestCluster, running_cluster
from tests.kubernetes.kubelet import Host, Kubelet
from tests.kubernetes.test_certificate_authority import PATH as CREATE_CERTIFICATE
from tests.kubernetes.test_certificate_authority import names
from tests.kubernetes.test_writers import found
from tests.live import namespaces
from tests.live.namespaces import Namespace
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client
from tests.pilot.xds.worlds import node
from tests.shared import shared_path

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.shared,
    pytest.mark.root,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]

SYSTEM = "/api/v1/namespaces/istio-system"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
NAME = "istiod.istio-system.svc"
PROXY, META = "istio-proxy", "ISTIO_META_"
ACCOUNT = "system:serviceaccount:istio-system:istiod"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ACCOUNT]}],
}
HOSTS = {"default": Host(), "ambient": Host(user=1000650000, has_volumes=False)}
"""An ordinary cluster; and OpenShift, which chooses users and gives images no volumes."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster with a network for one pod."""

    cluster: TestCluster
    network: Namespace
    audit: Path

    def refused(self) -> list[str]:
        """What the control plane asked for without having the right."""
        events = map(json.loads, self.audit.read_text().splitlines())
        return [f"{each['verb']} {each['requestURI']}" for each in events if each["responseStatus"]["code"] == 403]

    def asked(self) -> int:
        """How often it asked."""
        return len(self.audit.read_text().splitlines())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One for every test of this module."""
    namespaces.require()
    directory = tmp_path_factory.mktemp("cluster")
    (directory / "audit.yaml").write_text(json.dumps(AUDIT))
    async with namespaces.attached() as (network, own):
        flags = {
            "bind-address": own,
            "advertise-address": own,
            "enable-aggregator-routing": "true",  # webhooks by endpoints: nobody routes addresses of Services here
            "audit-policy-file": str(directory / "audit.yaml"),
            "audit-log-path": str(directory / "audit.log"),
        }
        with running_cluster(flags) as cluster:
            await cluster.install_definitions()
            yield Place(cluster, network, directory / "audit.log")
            await cluster.close()


@dataclass(frozen=True, slots=True)
class Installed:
    """What the chart made, and the one Pod of its Deployment."""

    place: Place
    documents: list[dict[str, Any]]
    pod: dict[str, Any]
    kubelet: Kubelet

    def one(self, kind: str, name: str = "istiod") -> dict[str, Any]:
        """An object of the chart."""
        return next(each for each in self.documents if (each["kind"], each["metadata"]["name"]) == (kind, name))

    @property
    def container(self) -> dict[str, Any]:
        """The Pod's only one."""
        (made,) = self.pod["spec"]["containers"]
        return dict(made)

    def address(self, port: str) -> str:
        """host:port behind a port of the Service."""
        ports = {each["name"]: each for each in self.one("Service")["spec"]["ports"]}
        return f"{self.place.network.address}:{ports[port].get('targetPort', ports[port]['port'])}"


async def install(place: Place, profile: str, work: Path) -> Installed:
    """As Helm does, and the controllers of Kubernetes after it."""
    text = shared_path("data", "install", f"istio-1.29.1-{profile}.yaml").read_text()
    documents = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
    for each in documents:
        await place.cluster.create(json.loads(json.dumps(each)))
    template = next(each for each in documents if (each["kind"], each["metadata"]["name"]) == ("Deployment", "istiod"))
    body = {**template["spec"]["template"]}
    body["metadata"] = {**body["metadata"], "name": "istiod-5d5b7f9c4-abcde", "namespace": "istio-system"}
    pod = await place.cluster.call("POST", f"{SYSTEM}/pods", body)
    status = {"phase": "Running", "podIP": place.network.address, "podIPs": [{"ip": place.network.address}]}
    await place.cluster.call("PATCH", f"{SYSTEM}/pods/{pod['metadata']['name']}/status", {"status": status})
    made = Installed(place, documents, pod, Kubelet(place.cluster, place.network, work, HOSTS[profile]))
    await announce(made)
    return made


async def announce(made: Installed) -> None:
    """The endpoint of the Service."""
    ports = made.one("Service")["spec"]["ports"]
    body = {
        "metadata": {"name": "istiod-1", "labels": {"kubernetes.io/service-name": "istiod"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [made.place.network.address], "conditions": {"ready": True}}],
        "ports": [{"name": each["name"], "port": each.get("targetPort", each["port"])} for each in ports],
    }
    path = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices"
    await made.place.cluster.call("POST", path, body)


async def is_ready(made: Installed, process: asyncio.subprocess.Process) -> bool:
    """What kubelet's readiness probe says."""
    assert process.returncode is None, made.kubelet.log.read_text()[-4000:]
    probe = made.container["readinessProbe"]
    url = f"http://{made.place.network.address}:{probe['httpGet']['port']}{probe['httpGet']['path']}"
    limit = aiohttp.ClientTimeout(total=probe["timeoutSeconds"])
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@contextlib.asynccontextmanager
async def running(made: Installed) -> AsyncIterator[asyncio.subprocess.Process]:
    """The container, ready."""
    async with made.kubelet.running(made.pod) as process:
        await eventually(lambda: is_ready(made, process), within=30)
        yield process


# --- what is seen of it ---------------------------------------------------------------------------------------------


async def root_of(place: Place, namespace: str) -> str:
    """What proxies of a namespace trust."""
    read = await found(place.cluster, f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")
    return str(read["data"].get("root-cert.pem", "")) if read else ""


async def answered(made: Installed, root: str) -> dict[str, str]:
    """How each port of the Service answers."""
    said: dict[str, str] = {}
    async with grpc.aio.insecure_channel(made.address("grpc-xds")) as channel:
        said["grpc-xds"] = (await Client(channel, delta=False).ask(CLUSTER)).type_url
    async with grpc.aio.secure_channel(
        made.address("https-dns"),
        grpc.ssl_channel_credentials(root.encode()),
        [("grpc.ssl_target_name_override", NAME)],
    ) as channel:
        await Client(channel, delta=False).send(CLUSTER)  # opened; without credentials nothing is answered
        said["https-dns"] = "TLS"
    trusting = ssl.create_default_context(cadata=root)
    async with aiohttp.ClientSession() as session:
        url = f"https://{made.address('https-webhook')}/inject"
        async with session.post(url, ssl=trusting, server_hostname=NAME, data=b"") as answer:
            said["https-webhook"] = str(answer.status)
        async with session.get(f"http://{made.address('http-monitoring')}/metrics") as answer:
            said["http-monitoring"] = str(answer.status)
    return said


async def are_trusted(place: Place, root: str) -> bool:
    """Whether API servers can believe our webhooks, and validation is binding."""
    encoded = base64.b64encode(root.encode()).decode()
    mutating = await place.cluster.call("GET", f"{WEBHOOKS}/mutatingwebhookconfigurations/istio-sidecar-injector")
    validating = await place.cluster.call(
        "GET", f"{WEBHOOKS}/validatingwebhookconfigurations/istio-validator-istio-system"
    )
    webhooks = [*mutating["webhooks"], *validating["webhooks"]]
    is_binding = all(each["failurePolicy"] == "Fail" for each in webhooks)
    return is_binding and all(each["clientConfig"].get("caBundle") == encoded for each in webhooks)


async def injected(place: Place) -> dict[str, Any]:
    """A user's pod, as the API server made it with our help."""
    await place.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}},
        }
    )
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}
    await place.cluster.create(account)
    spec = {"serviceAccountName": "web", "nodeName": "node-1", "containers": [{"name": "app", "image": "none"}]}
    made = await place.cluster.call(
        "POST", "/api/v1/namespaces/shop/pods", {"metadata": {"name": "web-1"}, "spec": spec}
    )
    return dict(made)


async def validation_says(place: Place) -> str:
    """Of an object that no schema refuses."""
    route = {"redirect": {"uri": "/x"}, "rewrite": {"uri": "/y"}}
    bad = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "bad", "labels": {"istio.io/rev": "default"}},
        "spec": {"hosts": ["a"], "http": [route]},
    }
    try:
        await place.cluster.call("POST", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices", bad)
    except KubernetesError as error:
        return str(error)
    return ""


async def token_of(place: Place, pod: dict[str, Any], audience: str = "istio-ca") -> str:
    """As kubelet projects it."""
    metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
    spec = {"audiences": [audience], "boundObjectRef": bound}
    return str((await place.cluster.call("POST", path, {"spec": spec}))["status"]["token"])


async def certificate(channel: grpc.aio.Channel, token: str, **asked: str) -> list[str]:
    """The identities in one that we get for a token."""
    message = ca_pb2.IstioCertificateRequest(csr=make_csr(ec_key(3)))
    message.metadata.update(asked)
    call = channel.unary_unary(CREATE_CERTIFICATE, request_serializer=bytes, response_deserializer=bytes)
    answer = await call(message.SerializeToString(), metadata=(("authorization", f"Bearer {token}"),), timeout=20)
    return names(ca_pb2.IstioCertificateResponse.FromString(answer).cert_chain[0])


@contextlib.asynccontextmanager
async def secured(made: Installed, root: str) -> AsyncIterator[grpc.aio.Channel]:
    """As agents dial."""
    options = [("grpc.ssl_target_name_override", NAME)]
    credentials = grpc.ssl_channel_credentials(root.encode())
    async with grpc.aio.secure_channel(made.address("https-dns"), credentials, options) as channel:
        yield channel


async def served(channel: grpc.aio.Channel, pod: dict[str, Any], token: str) -> tuple[list[str], list[str]]:
    """Names of clusters and listeners of a pod's sidecar."""
    client = Client(channel, delta=True, metadata=(("authorization", f"Bearer {token}"),))
    metadata = pod["metadata"]
    client.node = node(f"{metadata['name']}.{metadata['namespace']}")
    proxy = next(each for each in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]) if each["name"] == PROXY)
    given = {each["name"]: each.get("value", "") for each in proxy["env"]}
    own = {name.removeprefix(META): value for name, value in given.items() if name.startswith(META) and value}
    client.node.metadata.update({**own, "NAMESPACE": metadata["namespace"]})
    clusters = await client.ask(CLUSTER)
    return clusters.names, (await client.ask(LISTENER)).names


def complaints(made: Installed) -> list[str]:
    """Lines of our log above the level of information, but for those about objects that are wrong."""
    lines = made.kubelet.log.read_text().splitlines()
    return [line for line in lines if "\tinfo\t" not in line and " shop/odd: " not in line]


async def create(place: Place, text: str) -> None:
    """Objects of a user."""
    for each in yaml.safe_load_all(text):
        await place.cluster.create(each)


USERS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: shop}
spec:
  hosts: [outside.example.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: odd, namespace: shop}
spec: {rules: [{when: [{key: source.ip, values: [nonsense]}]}]}
"""


async def are_written(place: Place) -> bool:
    """What our controllers make of them."""
    gateway, deployed, entry, policy = [
        await found(place.cluster, path)
        for path in (
            "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge",
            "/apis/apps/v1/namespaces/shop/deployments/edge-istio",
            "/apis/networking.istio.io/v1/namespaces/shop/serviceentries/outside",
            "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/odd",
        )
    ]
    is_accepted = any(
        each["type"] == "Accepted" and each["status"] == "True" for each in gateway["status"]["conditions"]
    )
    return bool(deployed and is_accepted and entry.get("status", {}).get("addresses") and policy.get("status"))


async def gateway_pod(made: Installed) -> dict[str, Any]:
    """The chart's ingress gateway: its image is the injector's."""
    template = made.one("Deployment", "istio-ingressgateway")["spec"]["template"]
    body = {**template, "metadata": {**template["metadata"], "name": "istio-ingressgateway-1"}}
    return dict(await made.place.cluster.call("POST", f"{SYSTEM}/pods", body))


async def node_proxy(made: Installed, channel: grpc.aio.Channel, workload: dict[str, Any]) -> None:
    """A ztunnel on the node of a workload: it gets that one's certificate, and addresses."""
    template = made.one("DaemonSet", "ztunnel")["spec"]["template"]
    body = {**template, "metadata": {**template["metadata"], "name": "ztunnel-1"}}
    body["spec"] = {**template["spec"], "nodeName": workload["spec"]["nodeName"]}
    pod = await made.place.cluster.call("POST", f"{SYSTEM}/pods", body)
    token, wanted = await token_of(made.place, pod), "spiffe://cluster.local/ns/shop/sa/web"

    async def is_signed() -> bool:
        with contextlib.suppress(grpc.aio.AioRpcError):  # it does not know the new pods yet
            return await certificate(channel, token, ImpersonatedIdentity=wanted) == [wanted]
        return False

    await eventually(is_signed)
    client = Client(channel, delta=True, metadata=(("authorization", f"Bearer {token}"),))
    client.node = node("ztunnel-1.istio-system")
    client.node.id = client.node.id.replace("sidecar", "ztunnel")
    client.node.metadata.update({"NAMESPACE": "istio-system"})
    assert "istio-system/istiod.istio-system.svc.cluster.local" in (await client.ask(ADDRESS)).names


# --- the test -------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def empty(place: Place) -> AsyncIterator[Place]:
    """With nothing in it."""
    place.audit.write_text("")
    yield place
    await place.cluster.wipe()


@pytest.mark.parametrize("profile", ["default", "ambient"])
async def test_the_chart_runs_our_program_unchanged(empty: Place, tmp_path: Path, profile: str) -> None:
    place = empty
    made = await install(place, profile, tmp_path)
    async with running(made) as process:
        root = await eventually(lambda: root_of(place, "istio-system"))
        assert await answered(made, root) == {
            "grpc-xds": CLUSTER,
            "https-dns": "TLS",
            "https-webhook": "400",
            "http-monitoring": "200",
        }
        await eventually(lambda: are_trusted(place, root), within=30)
        pod = await injected(place)
        assert PROXY in {each["name"] for each in (*pod["spec"]["containers"], *pod["spec"]["initContainers"])}
        assert "configuration is invalid: spec.http[0].rewrite: " in await validation_says(place)
        await create(place, USERS)
        own_root = await eventually(lambda: root_of(place, "shop"))
        assert own_root == root
        token = await token_of(place, pod)
        async with secured(made, root) as channel:
            assert await certificate(channel, token) == ["spiffe://cluster.local/ns/shop/sa/web"]
            clusters, listeners = await served(channel, pod, token)
            assert "outbound|15012||istiod.istio-system.svc.cluster.local" in clusters
            assert "virtualOutbound" in listeners
            if profile == "ambient":
                await node_proxy(made, channel, pod)
            else:
                (container,) = (await gateway_pod(made))["spec"]["containers"]
                assert container["image"].endswith("proxyv2:latest")
        await eventually(lambda: are_written(place), within=30)
        process.terminate()
        assert await process.wait() == 0
    assert place.refused() == []
    assert place.asked() > 50
    assert complaints(made) == []
    async with running(made), secured(made, root) as channel:  # kubelet mounts the root's ConfigMap now
        assert await certificate(channel, token) == ["spiffe://cluster.local/ns/shop/sa/web"]
    assert complaints(made) == []
