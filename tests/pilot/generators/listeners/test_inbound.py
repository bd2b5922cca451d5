from typing import Any

from pilot.generators import listeners
from tests.pilot.generators.worlds import (
    DATABASE,
    HCM,
    REVIEWS,
    TCP_PROXY,
    config_of,
    filters_of,
    listeners_of,
    sidecar,
    view,
)

WORKLOAD = """
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-1, namespace: default, labels: {app: reviews}}
spec: {serviceAccountName: reviews, nodeName: n}
status: {phase: Running, podIP: 10.9.0.1, podIPs: [{ip: 10.9.0.1}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, namespace: default, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
- {addresses: [10.9.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: reviews-1, namespace: default}}
"""
SERVED = REVIEWS + WORKLOAD
SECOND = REVIEWS.replace("name: reviews,", "name: again,").replace("port: 80,", "port: 81,")
IN = "virtualInbound"


def peers(mode: str, rest: str = "{}") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: default}}
spec: {{selector: {{matchLabels: {{app: reviews}}}}, mtls: {{mode: {mode}}}, portLevelMtls: {rest}}}
"""


def ingress(*declared: str, rest: str = "") -> str:
    listed = "\n".join(f"  - {each}" for each in declared)
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: own, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: reviews}}}}
  ingress:
{listed}
{rest}
"""


def reviews(**metadata: Any) -> dict[str, Any]:
    return sidecar(LABELS={"app": "reviews"}, **metadata)


def made(objects: str = SERVED, mesh: str = "", metadata: dict[str, Any] | None = None, **environment: str) -> Any:
    return listeners_of(view(objects, reviews(**metadata or {}), mesh, **environment))


def ports(listener: Any) -> list[tuple[int, str]]:
    """Port and transport of the chains."""
    found = [each["filterChainMatch"] for each in listener["filterChains"]]
    return [(each.get("destinationPort", 0), each.get("transportProtocol", "")) for each in found]


def inspectors(listener: Any) -> dict[str, Any]:
    return {each["name"].rpartition(".")[2]: each.get("filterDisabled") for each in listener["listenerFilters"]}


def test_intercepted_traffic_finds_the_workloads_ports_and_everything_else() -> None:
    listener = made()[IN]

    assert listener["address"]["socketAddress"] == {"address": "0.0.0.0", "portValue": 15006}
    assert listener["trafficDirection"] == "INBOUND"
    assert ports(listener) == [
        (15006, ""),
        *[(0, "tls"), (0, "raw_buffer"), (0, "tls"), (0, "raw_buffer"), (0, "tls")],
        *[(8080, "tls"), (8080, "raw_buffer")],
    ]


def test_routes_of_a_port_lead_to_its_cluster() -> None:
    chain = made()[IN]["filterChains"][-1]
    (host,) = config_of(chain, HCM)["routeConfig"]["virtualHosts"]

    assert chain["name"] == "0.0.0.0_8080"
    assert config_of(chain, HCM)["routeConfig"]["name"] == "inbound|8080||"
    assert host["name"] == "inbound|http|80"
    assert host["routes"][0]["route"]["cluster"] == "inbound|8080||"


def test_of_services_behind_one_port_the_first_counts() -> None:
    both = (
        SERVED
        + "---"
        + SECOND
        + WORKLOAD.replace("name: reviews-1", "name: again-1").replace("service-name: reviews", "service-name: again")
    )
    listener = made(both)[IN]

    assert [port for port, _ in ports(listener)].count(8080) == 2


def test_a_workload_without_services_still_takes_traffic() -> None:
    listener = made(DATABASE)[IN]

    assert {port for port, _ in ports(listener)} == {0, 15006}


def test_modes_of_workload_and_port_decide_what_a_port_takes() -> None:
    strict = made(SERVED + peers("STRICT"))[IN]
    relaxed = made(SERVED + peers("STRICT", "{8080: {mode: DISABLE}}"))[IN]

    assert {transport for port, transport in ports(strict) if port != 15006} == {"tls"}
    assert [each for each in ports(relaxed) if each[0] == 8080] == [(8080, "raw_buffer")]


def test_a_mode_for_a_port_that_no_service_has_is_kept_too() -> None:
    listener = made(SERVED + peers("STRICT", "{9999: {mode: DISABLE}}"))[IN]
    found = [each for each in listener["filterChains"] if each["filterChainMatch"].get("destinationPort") == 9999]

    assert [each["filterChainMatch"]["transportProtocol"] for each in found] == ["raw_buffer", "raw_buffer"]
    assert config_of(found[-1], TCP_PROXY)["cluster"] == "InboundPassthroughCluster"


def test_connections_are_looked_at_only_where_a_chain_asks() -> None:
    permissive = inspectors(made()[IN])
    strict = inspectors(made(SERVED + peers("STRICT"))[IN])

    assert list(permissive) == ["original_dst", "tls_inspector", "http_inspector"]
    assert permissive["tls_inspector"] == {"destinationPortRange": {"start": 15006, "end": 15007}}
    assert "http_inspector" not in strict


def test_transparent_interception_keeps_addresses() -> None:
    listener = made(metadata={"INTERCEPTION_MODE": "TPROXY"})[IN]

    assert listener["transparent"] is True
    assert list(inspectors(listener))[:2] == ["original_dst", "original_src"]


def test_without_interception_nothing_comes_in_but_what_a_sidecar_declares() -> None:
    declared = ingress("{port: {number: 9080, protocol: HTTP, name: a}, defaultEndpoint: '127.0.0.1:8080'}")
    plain = made(metadata={"INTERCEPTION_MODE": "NONE"})
    bound = made(SERVED + declared, metadata={"INTERCEPTION_MODE": "NONE"})

    assert IN not in plain
    assert IN not in bound
    assert bound["10.9.0.1_9080"]["address"]["socketAddress"] == {"address": "10.9.0.1", "portValue": 9080}
    assert "useOriginalDst" not in bound["10.9.0.1_9080"]


def test_ingress_listeners_replace_the_ports_of_services() -> None:
    declared = ingress("{port: {number: 9080, protocol: TCP, name: a}, defaultEndpoint: '127.0.0.1:8080'}")
    listener = made(SERVED + declared)[IN]

    assert {port for port, _ in ports(listener)} == {0, 9080, 15006}
    assert config_of(listener["filterChains"][-1], TCP_PROXY)["cluster"] == "inbound|9080||"


def test_an_ingress_listener_that_is_not_captured_is_bound() -> None:
    declared = ingress(
        "{port: {number: 9080, protocol: HTTP, name: a}, bind: 10.9.0.1, captureMode: NONE}",
        "{port: {number: 9081, protocol: HTTP, name: b}}",
    )
    found = made(SERVED + declared)

    assert {port for port, _ in ports(found[IN])} == {0, 9081, 15006}
    assert {port for port, _ in ports(found["10.9.0.1_9080"])} == {9080}


def test_a_port_that_may_not_be_opened_is_not() -> None:
    declared = ingress(
        "{port: {number: 81, protocol: HTTP, name: a}, captureMode: NONE}",
        "{port: {number: 82, protocol: HTTP, name: b}}",
        "{port: {number: 9083, protocol: HTTP, name: c}, captureMode: NONE}",
    )
    found = made(SERVED + declared, metadata={"UNPRIVILEGED_POD": "true"})

    assert [name for name in found if name.endswith(("_81", "_9083"))] == ["10.9.0.1_9083"]
    assert any(port == 82 for port, _ in ports(found[IN]))


def test_an_ingress_listener_terminates_tls_where_mtls_is_off() -> None:
    declared = ingress(
        """{port: {number: 9443, protocol: HTTPS, name: a},
     tls: {mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem}}"""
    )
    off = made(SERVED + peers("DISABLE") + declared, ENABLE_TLS_ON_SIDECAR_INGRESS="true")[IN]
    disabled = made(SERVED + peers("DISABLE") + declared, ENABLE_TLS_ON_SIDECAR_INGRESS="false")[IN]
    chain = off["filterChains"][-1]

    assert chain["filterChainMatch"] == {"destinationPort": 9443, "transportProtocol": "tls"}
    assert HCM in filters_of(chain)
    assert "/c.pem" in str(chain["transportSocket"])
    assert "transportSocket" not in disabled["filterChains"][-1]


def test_connections_are_balanced_among_threads_where_the_proxy_says_so() -> None:
    plain = made()
    balanced = made(metadata={"INBOUND_LISTENER_EXACT_BALANCE": "true"})

    assert "connectionBalanceConfig" not in plain[IN]
    assert balanced[IN]["connectionBalanceConfig"] == {"exactBalance": {}}


def test_the_listener_names_services_and_sidecars() -> None:
    declared = ingress("{port: {number: 9080, protocol: HTTP, name: a}}")
    of_services = listeners.build(view(SERVED, reviews()))[IN]
    of_sidecar = listeners.build(view(SERVED + declared, reviews()))[IN]

    assert "Service default/reviews" in map(str, of_services.origins)
    assert "Sidecar default/own" in map(str, of_sidecar.origins)
