"""Our own templates: the recorded pods have the same containers, ports, variables, volumes and mounts under them."""

from typing import Any

import pytest
import yaml

from tests.webhook.injection.recordings import recordings, unordered
from webhook.injection import built_in
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
    return yaml.safe_load(value) if isinstance(value, str) and value.strip()[:1] in ("{", "[") else value


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
