"""Where Gateways are reached."""

from typing import Any

from tests.pilot.gatewayapi.worlds import HTTP, gateway
from tests.pilot.status.worlds import brief, served, status

LISTENER = "[{name: http, port: 80, protocol: HTTP}]"


def programmed(*documents: str) -> tuple[str, Any]:
    """The condition Programmed of the Gateway, and its addresses."""
    found = status("KubernetesGateway", "gws/main", *documents)
    return brief(found["conditions"])["Programmed"], found.get("addresses", [])


def test_a_gateway_with_endpoints_is_programmed() -> None:
    name = {"type": "Hostname", "value": "main-istio.gws.svc.cluster.local"}
    assert programmed(HTTP, served()) == ("True Programmed", [name])


def test_an_address_from_outside_comes_first() -> None:
    balanced = served(type="LoadBalancer").replace("\n---\nkind: EndpointSlice", "\nSTATUS\n---\nkind: EndpointSlice")
    status_ = "status: {loadBalancer: {ingress: [{ip: 1.2.3.4}, {hostname: a.example}]}}"
    found = programmed(HTTP, balanced.replace("STATUS", status_))
    assert found == (
        "True Programmed",
        [{"type": "IPAddress", "value": "1.2.3.4"}, {"type": "Hostname", "value": "a.example"}],
    )
    assert programmed(HTTP, balanced.replace("STATUS", ""))[0] == "False AddressNotAssigned"


def test_an_annotation_says_which_kind_of_address_is_told() -> None:
    def found(kind: str) -> Any:
        metadata = f"annotations: {{networking.istio.io/address-type: {kind}}}"
        return programmed(gateway(LISTENER, metadata=metadata), served())[1]

    assert found("IPAddress") == [{"type": "IPAddress", "value": "10.0.0.9"}]
    assert found("Hostname") == [{"type": "Hostname", "value": "main-istio.gws.svc.cluster.local"}]


def test_why_nobody_serves() -> None:
    assert programmed(HTTP) == ("False AddressNotUsable", [])
    alone = "\n---\n{kind: Service, metadata: {name: main-istio, namespace: gws}, spec: {ports: [{port: 80}]}}\n"
    assert programmed(HTTP, alone) == ("False AddressNotAssigned", [])
    assert programmed(HTTP, served(port=81))[0] == "False AddressNotUsable"
    behind = gateway("[{name: http, port: 8080, protocol: HTTP}]")
    (condition,) = (
        each
        for each in status("KubernetesGateway", "gws/main", behind, served())["conditions"]
        if each["type"] == "Programmed"
    )
    assert "it is behind port 80" in condition["message"]


def test_an_address_that_was_told_stays() -> None:
    told = HTTP + "status: {addresses: [{type: IPAddress, value: 9.9.9.9}]}\n"
    assert programmed(told) == ("False AddressNotUsable", [{"type": "IPAddress", "value": "9.9.9.9"}])


def test_an_address_without_a_value_is_assigned() -> None:
    declared = gateway(LISTENER, "addresses: [{type: IPAddress}]")
    found = status("KubernetesGateway", "gws/main", declared, served())
    assert brief(found["conditions"]) == {"Accepted": "True Accepted", "Programmed": "True Programmed"}
    assert [each["value"] for each in found["addresses"]] == ["main-istio.gws.svc.cluster.local"]
