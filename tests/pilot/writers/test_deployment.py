"""What is deployed for one Gateway."""

from dataclasses import replace
from typing import Any

import pytest

from pilot.gatewayapi.classes import GATEWAY_CONTROLLER, MESH_CONTROLLER
from pilot.model.waypoint import MANAGED
from pilot.writers.deployment import Circumstances, DeploymentError, build, names, ports
from webhook.injection import built_in
from webhook.injection.inject import Installation
from webhook.injection.mesh import Mesh

AROUND = Circumstances(Installation(built_in.config(), built_in.values(), Mesh()))


def gateway(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "edge", "namespace": "demo", "uid": "u", "labels": {"team": "a"}, "annotations": {"x": "y"}}
    listeners = [{"name": "web.one", "port": 80, "protocol": "HTTP"}]
    return {"metadata": metadata, "spec": {"gatewayClassName": "istio", "listeners": listeners, **spec}}


def made(gateway_: dict[str, Any], around: Circumstances = AROUND, role: str = GATEWAY_CONTROLLER) -> dict[str, Any]:
    return {each["kind"]: each for each in build(gateway_, role, role, around)}


def test_three_objects_are_deployed_unless_overlays_ask_for_more() -> None:
    assert set(made(gateway())) == {"ServiceAccount", "Deployment", "Service"}
    asked = replace(AROUND, overlays=({"podDisruptionBudget": "spec: {minAvailable: 1}"},))
    assert made(gateway(), asked)["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_everything_is_marked_named_and_owned() -> None:
    for each in made(gateway()).values():
        assert each["metadata"]["name"] == "edge-istio"
        assert each["metadata"]["labels"][MANAGED] == "istio.io-gateway-controller"
        assert each["metadata"]["labels"]["team"] == "a"
        assert each["metadata"]["ownerReferences"][0]["uid"] == "u"
    waypoint = made(gateway(), role=MESH_CONTROLLER)["Deployment"]
    assert waypoint["metadata"]["name"] == "edge"


def test_names_can_be_chosen() -> None:
    named = gateway()
    named["metadata"]["annotations"] = {"gateway.istio.io/name-override": "n", "gateway.istio.io/service-account": "s"}
    assert names(named, GATEWAY_CONTROLLER) == ("n", "s")


def test_infrastructure_says_what_is_copied_else_the_gateway_unless_that_is_off() -> None:
    found = made(gateway(infrastructure={"labels": {"cost": "low"}}))["Service"]["metadata"]
    assert "team" not in found["labels"]
    assert found["labels"]["cost"] == "low"
    assert found["annotations"] == {"x": "y"}
    assert "team" not in made(gateway(), replace(AROUND, copies_metadata=False))["Service"]["metadata"]["labels"]


def test_the_mesh_leaves_gateways_alone_where_it_is_ambient() -> None:
    assert made(gateway(), replace(AROUND, ambient=True))["Service"]["metadata"]["labels"]["istio.io/dataplane-mode"]


def test_a_port_of_many_listeners_is_one_port() -> None:
    listeners = [{"name": "a.b", "port": 80, "protocol": "HTTP"}, {"name": "c", "port": 80, "protocol": "HTTPS"}]
    assert [(each["Name"], each["Port"], each["AppProtocol"]) for each in ports(listeners)] == [
        ("status-port", 15021, "tcp"),
        ("a-b", 80, "http"),
    ]


def test_overlays_are_merged_in_their_order_by_kubernetes_rules() -> None:
    patches = (
        {"deployment": "spec: {replicas: 3, template: {spec: {containers: [{name: istio-proxy, image: own}]}}}"},
        {"deployment": "spec: {replicas: 4}", "service": "spec: {ports: [{port: 80, nodePort: 30080}]}"},
    )
    found = made(gateway(), replace(AROUND, overlays=patches))
    assert found["Deployment"]["spec"]["replicas"] == 4
    (proxy,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert proxy["image"] == "own"
    assert proxy["args"][1] == "router"
    assert [each.get("nodePort") for each in found["Service"]["spec"]["ports"]] == [None, 30080]


@pytest.mark.parametrize(
    ("overlay", "text"),
    [
        ({"daemonSet": "{}"}, "expected keys"),
        ({"deployment": "metadata: {name: other}"}, "cannot be changed"),
        ({"deployment": "metadata: {namespace: other}"}, "cannot be changed"),
        ({"service": "[1]"}, "expected an object"),
    ],
)
def test_what_overlays_may_not_do(overlay: dict[str, str], text: str) -> None:
    with pytest.raises(DeploymentError, match=text):
        made(gateway(), replace(AROUND, overlays=(overlay,)))
