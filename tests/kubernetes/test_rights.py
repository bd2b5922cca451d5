"""The rights in deploy/ are enough: the program runs with them on a real API server, and is refused nothing."""

import base64
import json
from pathlib import Path

import pytest
import yaml

from tests.control_plane import ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading
from tests.kubernetes.test_writers import AMBIENT, DEPLOYED, found, root_of
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.shared import ROOT, shared_path
from webhook import configurations
from webhook.configurations import Endpoint

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(200)]

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"


async def restricted(cluster: TestCluster, directory: Path) -> Path:
    """A kubeconfig of the account that deploy/ makes."""
    for name in ("base/rights.yaml", "untaint.yaml"):
        for document in yaml.safe_load_all((ROOT / "deploy" / name).read_text()):
            await cluster.create(document)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    made = await cluster.call("POST", "/api/v1/namespaces/istio-system/serviceaccounts/istiod/token", asked)
    authority = base64.b64encode(cluster.server.ca_file.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": cluster.server.url, "certificate-authority-data": authority}}],
        "users": [{"name": "u", "user": {"token": made["status"]["token"]}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(content))
    return path


NODES = """
apiVersion: v1
kind: Node
metadata: {name: node-NAME}
spec: {taints: [{key: cni.istio.io/not-ready, effect: NoSchedule}, {key: ours, effect: NoSchedule}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cni-NAME, namespace: NAMESPACE, labels: {k8s-app: istio-cni-node}}
spec: {nodeName: node-NAME, containers: [{name: install-cni, image: none}]}
status: {phase: Running, conditions: [{type: Ready, status: "STATUS"}]}
"""


def node(name: str, namespace: str, status: str) -> str:
    """A tainted one, with its CNI agent."""
    return NODES.replace("NAMESPACE", namespace).replace("NAME", name).replace("STATUS", status)


async def taints(cluster: TestCluster, name: str) -> list[str]:
    """Keys of those of a node."""
    return [each["key"] for each in (await cluster.call("GET", f"/api/v1/nodes/node-{name}"))["spec"]["taints"]]


async def nodes_are_opened(cluster: TestCluster) -> None:
    """Those with a ready agent of the right namespace, and a node whose agent becomes ready."""

    async def is_open(name: str) -> bool:
        return await taints(cluster, name) == ["ours"]

    await eventually(lambda: is_open("a"))
    assert await taints(cluster, "b") == await taints(cluster, "c") == ["cni.istio.io/not-ready", "ours"]
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await cluster.call("PATCH", "/api/v1/namespaces/cni/pods/cni-b/status", ready)
    await eventually(lambda: is_open("b"))
    assert not await is_open("c")


async def may(cluster: TestCluster, verb: str, resource: str, namespace: str) -> bool:
    """Whether the control plane's account has a right."""
    asked = {"namespace": namespace, "verb": verb, "resource": resource}
    spec = {"user": "system:serviceaccount:istio-system:istiod", "resourceAttributes": asked}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool((await cluster.call("POST", path, {"spec": spec}))["status"]["allowed"])


async def test_the_program_is_refused_nothing(cluster: TestCluster, tmp_path: Path) -> None:
    kubeconfig = await restricted(cluster, tmp_path)
    nodes = (node("a", "cni", "True"), node("b", "cni", "False"), node("c", "elsewhere", "True"))
    await cluster.load("\n---\n".join((shared_path("aux", "writers", "input.yaml").read_text(), *nodes)))
    with network() as addresses:
        address = addresses.address(1)
        where = Endpoint(url=f"https://{address}:25017")
        for made in (configurations.build_injection("", where), configurations.build_validation("", where)):
            await cluster.call("POST", f"{WEBHOOKS}/{made['kind'].lower()}s", made)
        untaint = {"PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS": "true"}
        environment = {
            **AMBIENT,
            **untaint,
            "ISTIOD_CUSTOM_HOST": address,
            "REVISION": "default",
            "POD_NAME": "istiod-0",
        }
        plane = ControlPlane(
            address,
            None,
            tmp_path / "work",
            (*reading(kubeconfig, tmp_path), "--cniNamespace", "cni", "--log_output_level", "default:debug"),
            environment,
        )
        async with running(plane):
            assert await eventually(lambda: root_of(cluster, "demo"))
            await eventually(lambda: found(cluster, DEPLOYED["PodDisruptionBudget"].format("demo", "edge2-istio")))
            await eventually(lambda: found(cluster, DEPLOYED["Deployment"].format("amb", "waypoint")))
            entry = "/apis/networking.istio.io/v1/namespaces/demo/serviceentries/auto"

            async def has_addresses() -> bool:
                return bool((await cluster.call("GET", entry)).get("status", {}).get("addresses"))

            await eventually(has_addresses)
            await nodes_are_opened(cluster)

            async def is_binding() -> bool:
                path = f"{WEBHOOKS}/validatingwebhookconfigurations/istio-validator-istio-system"
                return bool((await cluster.call("GET", path))["webhooks"][0]["failurePolicy"] == "Fail")

            await eventually(is_binding, within=60)
            # What a replica told is removed a day after it has gone.
            assert await may(cluster, "delete", "configmaps", "istio-system")
            assert not await may(cluster, "delete", "configmaps", "demo")
            assert not await may(cluster, "update", "configmaps", "demo")
            refused = [each for each in plane.log().splitlines() if "forbidden" in each.lower() or "status 403" in each]
            assert refused == []
            assert plane.lines("debug")  # refusals that nobody has to be told of are there, too
    await cluster.close()
