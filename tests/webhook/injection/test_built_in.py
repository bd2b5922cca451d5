"""Our own templates: the recorded pods have the same containers, ports, variables, volumes and mounts under them."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhook.injection.recordings import read_config, recordings, unordered
from webhook.injection import built_in, yaml_text
from webhook.injection.configuration import parse_values
from webhook.injection.inject import Injected, Installation, PodReview, review_pod
from webhook.injection.mesh import Mesh
from webhook.injection.messages import Message
from webhook.injection.pod_object import Record, Struct

OWN_WORDS = {"29-template-grpc-simple"}
"""Its start-up script is written otherwise."""


@pytest.mark.shared
def test_pods_are_what_the_recorded_templates_make_of_them() -> None:
    config = built_in.config()
    compared = 0
    for recording in recordings():
        if recording.expected is None or recording.case["config"] != "../_default/config.yaml":
            continue
        compared += 1
        made, expected = unordered(strings_read(recording.inject(config))), unordered(strings_read(recording.expected))
        if recording.name in OWN_WORDS:
            made, expected = without_script(made), without_script(expected)
        assert made == expected, recording.name
    assert compared >= 40


def strings_read(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: strings_read(each) for key, each in value.items()}
    if isinstance(value, list):
        return [strings_read(each) for each in value]
    return yaml_text.load(value) if isinstance(value, str) and value.strip()[:1] in ("{", "[") else value


def without_script(documents: list[Any]) -> list[Any]:
    for document in documents:
        for container in document["spec"]["template"]["spec"]["initContainers"]:
            container.pop("command", None)
            for variable in container["env"]:
                if "value" in variable:
                    variable["value"] = variable["value"].strip()
    return documents


def gateway_data(**more: Any) -> Record:
    mesh = Mesh()
    known: dict[str, Any] = {
        "Name": "edge", "Namespace": "demo", "UID": "u-1", "DeploymentName": "edge-istio",
        "ServiceAccount": "edge-istio",
        "GatewayClass": "istio", "GatewayNameLabel": "gateway.networking.k8s.io/gateway-name", "KubeVersion": 131,
        "ControllerLabel": "istio.io-mesh-controller", "InfrastructureLabels": {"team": "a"}, "ClusterID": "",
        "InfrastructureAnnotations": {"x": "y", "gateway.istio.io/name-override": "z"}, "ServiceType": "LoadBalancer",
        "Ports": [Record("p", Name="status-port", Port=15021, AppProtocol="tcp")],
        "Spec": Record("s", Addresses=[Record("a", Value="1.2.3.4")]), "ObjectMeta": Struct({}, "ObjectMeta"),
        "Values": built_in.values(), "ProxyConfig": Message(dict(mesh.proxy_config), "ProxyConfig"),
        "MeshConfig": Message(dict(mesh.settings), "MeshConfig"), "ProxyImage": "i", "ProxyUID": 1337, "ProxyGID": 1337,
        "Revision": "", "CompliancePolicy": "",
    }  # fmt: skip
    return Record("gateway", **(known | more))


@pytest.mark.parametrize("name", ["kube-gateway", "waypoint"])
def test_gateways_get_their_five_objects(name: str) -> None:
    documents = list(yaml.safe_load_all(built_in.config().templates[name].render(gateway_data())))
    assert [each["kind"] for each in documents] == [
        "ServiceAccount", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    ]  # fmt: skip
    assert {each["metadata"]["name"] for each in documents} == {"edge-istio"}
    assert all(each["metadata"]["ownerReferences"][0]["uid"] == "u-1" for each in documents)
    assert all(
        "gateway.istio.io/name-override" not in (each["metadata"].get("annotations") or {}) for each in documents
    )
    _, deployment, service, *_ = documents
    [proxy] = deployment["spec"]["template"]["spec"]["containers"]
    assert proxy["args"][1] == ("waypoint" if name == "waypoint" else "router")
    assert {each["containerPort"] for each in proxy["ports"]} == {15020, 15021, 15090}
    assert {each["name"] for each in proxy["env"]} >= {"PROXY_CONFIG", "CA_ADDR", "ISTIO_META_OWNER", "TRUST_DOMAIN"}
    volumes = {each["name"] for each in deployment["spec"]["template"]["spec"]["volumes"]}
    assert {each["name"] for each in proxy["volumeMounts"]} <= volumes
    assert service["spec"]["loadBalancerIP"] == "1.2.3.4"
    assert deployment["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_the_gateway_between_networks_says_which_network_it_wants() -> None:
    data = gateway_data(
        ControllerLabel="istio.io-eastwest-controller", InfrastructureLabels={"topology.istio.io/network": "n"}
    )
    text = built_in.config().templates["waypoint"].render(data)
    _, deployment, *_ = yaml.safe_load_all(text)
    [proxy] = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "n"} in proxy["env"]


def test_usual_values_are_there() -> None:
    assert built_in.values()["global"]["istioNamespace"] == "istio-system"


VALUES: dict[str, Any] = {
    "global.proxy.holdApplicationUntilProxyStarts": True, "global.imagePullPolicy": "Always", "global.meshID": "m",
    "global.network": "n", "global.multiCluster.clusterName": "c", "global.caName": "GkeWorkloadCertificate",
    "global.mountMtlsCerts": True, "global.logAsJson": True, "global.sts.servicePort": 1, "global.nativeNftables": True,
    "global.pilotCertProvider": "custom", "global.caAddress": "ca:1", "revision": "canary",
    "global.proxy.privileged": True, "global.proxy.seccompProfile": {"type": "RuntimeDefault"},
    "global.proxy.lifecycle": {"preStop": {"exec": {"command": ["x"]}}}, "global.proxy.startupProbe.enabled": False,
    "global.proxy.statusPort": 0, "global.proxy.outlierLogPath": "/dev/stdout", "pilot.cni.enabled": True,
    "pilot.cni.provider": "multus", "global.proxy_init.forceApplyIptables": True, "global.variant": "distroless",
    "global.proxy.includeOutboundPorts": "1,2", "global.proxy.excludeOutboundPorts": "3",
    "global.proxy.excludeInboundPorts": "4", "global.proxy.includeIPRanges": "10.0.0.0/8",
    "global.proxy.capNetBindService": "true", "pilot.env": {"ENABLE_CLUSTER_TRUST_BUNDLE_API": True},
    "global.trustBundleName": "tb", "pilot.crlConfigMapName": "crl", "global.imagePullSecrets": ["a", "b"],
    "global.proxy.resources": {}, "global.proxy.image": "r/px", "global.proxy_init.image": "r/init:1",
}  # fmt: skip
TRAFFIC = "traffic.sidecar.istio.io/"
ANNOTATIONS: dict[str, str] = {
    "sidecar.istio.io/interceptionMode": "TPROXY", "sidecar.istio.io/nativeSidecar": "true",
    "sidecar.istio.io/capNetBindService": "true", "sidecar.istio.io/proxyCPU": "1",
    "sidecar.istio.io/proxyMemoryLimit": "1Gi", "sidecar.istio.io/proxyImage": "a/b:1",
    "sidecar.istio.io/proxyImageType": "debug", "sidecar.istio.io/logLevel": "debug",
    "sidecar.istio.io/bootstrapOverride": "cm", "sidecar.istio.io/userVolume": '{"v":{"emptyDir":{}}}',
    "sidecar.istio.io/userVolumeMount": '{"v":{"mountPath":"/v"}}', f"{TRAFFIC}includeOutboundIPRanges": "",
    f"{TRAFFIC}excludeOutboundIPRanges": "1.0.0.0/8", f"{TRAFFIC}includeInboundPorts": "",
    f"{TRAFFIC}excludeInboundPorts": "22", f"{TRAFFIC}includeOutboundPorts": "", f"{TRAFFIC}excludeOutboundPorts": "",
    f"{TRAFFIC}excludeInterfaces": "eth1", f"{TRAFFIC}kubevirtInterfaces": "k", "status.sidecar.istio.io/port": "0",
    "istio.io/reroute-virtual-interfaces": "r", "readiness.status.sidecar.istio.io/periodSeconds": "3",
    "k8s.v1.cni.cncf.io/networks": "a", "kubectl.kubernetes.io/default-container": "z",
    "proxy.istio.io/config": 'proxyMetadata: {IPTABLES_TRACE_LOGGING: "true", ISTIO_META_ENABLE_HBONE: "true"}',
}  # fmt: skip


@pytest.mark.shared
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sets(st.sampled_from(sorted(VALUES)), max_size=4),
    st.sets(st.sampled_from(sorted(ANNOTATIONS)), max_size=4),
    st.booleans(),
)
def test_our_sidecar_is_the_recorded_templates_under_other_values(
    wanted: set[str], named: set[str], native: bool
) -> None:
    first = recordings()[0]
    values = json.loads(first.file("values").read_text())
    for path in sorted(wanted):
        *parents, last = path.split(".")
        place = values
        for key in parents:
            place = place[key]
        place[last] = copy.deepcopy(VALUES[path])
    pod = {
        "metadata": {"name": "p", "annotations": {name: ANNOTATIONS[name] for name in named}},
        "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]},
    }
    made = []
    for config in (read_config(first.file("config")), built_in.config()):
        installation = Installation(config, parse_values(json.dumps(values)), Mesh())
        answer = review_pod(PodReview(pod, "ns", native_sidecars=native), installation)
        assert isinstance(answer, Injected)
        made.append(unordered(strings_read(answer.pod)))
    assert made[0] == made[1]
