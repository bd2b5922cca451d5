from typing import Any

import pytest

from pilot.generators.listeners.tcp_routes import Client, applies
from pilot.model.virtual_service import L4MatchAttributes, TLSMatchAttributes
from tests.pilot.generators.worlds import TCP_PROXY, config_of, listeners_of, sidecar, view

DB = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: 10.0.0.2, ports: [{name: tcp, port: 5432}]}
"""
TLS = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: tls, namespace: default}
spec: {hosts: [a.com], ports: [{name: tls, number: 443, protocol: TLS}], resolution: DNS}
"""
HOST = "db.default.svc.cluster.local"


def virtual_service(spec: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: vs, namespace: default}}
spec: {spec}
"""


def rule(host: str, policy: str, subsets: str = "[]") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: dr, namespace: default}}
spec: {{host: {host}, trafficPolicy: {policy}, subsets: {subsets}}}
"""


def listener(objects: str, name: str = "10.0.0.2_5432", **how: Any) -> Any:
    return listeners_of(view(objects, **how))[name]


def tcp(chain: Any) -> Any:
    return config_of(chain, TCP_PROXY)


def test_a_service_is_reached_at_its_own_cluster() -> None:
    (chain,) = listener(DB)["filterChains"]

    assert tcp(chain) == {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "cluster": f"outbound|5432||{HOST}",
        "statPrefix": f"outbound|5432||{HOST}",
    }
    assert "metadata" not in chain


def test_statistics_are_named_as_the_mesh_wants() -> None:
    (chain,) = listener(DB, mesh='outboundClusterStatName: "x_%SERVICE%_%SERVICE_PORT%"')["filterChains"]

    assert tcp(chain)["statPrefix"] == "x_db.default_5432"


def test_a_tcp_route_sends_connections_elsewhere() -> None:
    to = "[{destination: {host: db, subset: v1}, weight: 80}, {destination: {host: other}, weight: 20}]"
    (chain,) = listener(DB + virtual_service(f"{{hosts: [db], tcp: [{{route: {to}}}]}}"))["filterChains"]

    assert tcp(chain)["weightedClusters"]["clusters"] == [
        {"name": f"outbound|5432|v1|{HOST}", "weight": 80},
        {"name": "outbound|5432||other.default.svc.cluster.local", "weight": 20},
    ]
    assert tcp(chain)["statPrefix"] == "vs.default"
    assert chain["metadata"]["filterMetadata"]["istio"]["config"].endswith("/virtual-service/vs")


def test_a_split_is_not_made_as_a_subset_of_its_first_destination_says() -> None:
    to = "[{destination: {host: db, subset: v1}, weight: 80}, {destination: {host: db}, weight: 20}]"
    subset = (
        "{name: v1, trafficPolicy: {loadBalancer: {simple: RANDOM}, "
        "tunnel: {protocol: CONNECT, targetHost: far, targetPort: 1}}}"
    )
    policy = rule("db", "{loadBalancer: {consistentHash: {useSourceIp: true}}}", f"[{subset}]")
    (chain,) = listener(DB + policy + virtual_service(f"{{hosts: [db], tcp: [{{route: {to}}}]}}"))["filterChains"]

    assert "hashPolicy" in tcp(chain)
    assert "tunnelingConfig" not in tcp(chain)


def test_a_route_without_weights_leads_nowhere_instead_of_costing_the_listener() -> None:
    to = "[{destination: {host: db}, weight: 0}, {destination: {host: other}, weight: 0}]"
    (chain,) = listener(DB + virtual_service(f"{{hosts: [db], tcp: [{{route: {to}}}]}}"))["filterChains"]

    assert tcp(chain)["cluster"] == "BlackHoleCluster"
    assert "weightedClusters" not in tcp(chain)


def test_a_route_for_some_addresses_leaves_the_others_to_the_service() -> None:
    match = '[{destinationSubnets: ["10.9.0.0/16"]}]'
    made = listener(
        DB + virtual_service(f"{{hosts: [db], tcp: [{{match: {match}, route: [{{destination: {{host: x}}}}]}}]}}")
    )

    assert made["filterChains"][0]["filterChainMatch"]["prefixRanges"] == [
        {"addressPrefix": "10.9.0.0", "prefixLen": 16}
    ]
    assert "metadata" not in made["filterChains"][0]
    assert tcp(made["defaultFilterChain"])["cluster"] == f"outbound|5432||{HOST}"


def test_addresses_of_all_conditions_of_a_route_are_one_chain() -> None:
    match = '[{destinationSubnets: ["10.9.0.0/16"]}, {destinationSubnets: ["10.8.0.0/16"]}]'
    made = listener(
        DB + virtual_service(f"{{hosts: [db], tcp: [{{match: {match}, route: [{{destination: {{host: x}}}}]}}]}}")
    )
    open_match = '[{destinationSubnets: ["10.9.0.0/16"]}, {port: 5432}]'
    to_all = listener(
        DB + virtual_service(f"{{hosts: [db], tcp: [{{match: {open_match}, route: [{{destination: {{host: x}}}}]}}]}}")
    )

    assert [len(each["filterChainMatch"]["prefixRanges"]) for each in made["filterChains"]] == [2]
    assert [each.get("filterChainMatch") for each in to_all["filterChains"]] == [None]


def test_routes_after_one_without_conditions_are_not_reached() -> None:
    spec = "{hosts: [db], tcp: [{route: [{destination: {host: one}}]}, {route: [{destination: {host: two}}]}]}"
    (chain,) = listener(DB + virtual_service(spec))["filterChains"]

    assert "one.default" in tcp(chain)["cluster"]


def test_a_tls_route_is_told_by_name() -> None:
    spec = "{hosts: [a.com], tls: [{match: [{sniHosts: [b.com, a.com]}], route: [{destination: {host: x.com}}]}]}"
    made = listener(TLS + virtual_service(spec), "0.0.0.0_443")

    assert made["filterChains"][0]["filterChainMatch"] == {"serverNames": ["a.com", "b.com"]}
    assert tcp(made["filterChains"][0])["cluster"] == "outbound|443||x.com"
    assert made["defaultFilterChain"]["name"] == "PassthroughFilterChain"


def test_a_tls_service_without_routes_is_told_by_its_own_name_where_it_shares_a_port() -> None:
    made = listener(TLS, "0.0.0.0_443")

    assert made["filterChains"][0]["filterChainMatch"] == {"serverNames": ["a.com"]}


def test_a_tls_service_with_an_address_needs_no_name() -> None:
    made = listener(TLS.replace("hosts:", "addresses: [10.7.7.7], hosts:"), "10.7.7.7_443")

    assert "filterChainMatch" not in made["filterChains"][0]


def test_aliases_are_names_of_a_tls_service() -> None:
    alias = """
---
apiVersion: v1
kind: Service
metadata: {name: old, namespace: default}
spec: {type: ExternalName, externalName: a.com}
"""
    names = listener(TLS + alias, "0.0.0.0_443")["filterChains"][0]["filterChainMatch"]["serverNames"]

    assert {"a.com", "old", "old.default", "old.default.svc.cluster.local"} <= set(names)


def test_connections_are_kept_as_the_rule_says() -> None:
    policy = """{
      connectionPool: {tcp: {idleTimeout: 9s, maxConnectionDuration: 60s}},
      loadBalancer: {consistentHash: {useSourceIp: true}},
      tunnel: {targetHost: far.com, targetPort: 99, protocol: POST}}"""
    made = tcp(listener(DB + rule("db", policy))["filterChains"][0])

    assert (made["idleTimeout"], made["maxDownstreamConnectionDuration"]) == ("9s", "60s")
    assert made["hashPolicy"] == [{"sourceIp": {}}]
    assert made["tunnelingConfig"] == {"hostname": "far.com:99", "usePost": True}


def test_a_subset_has_its_own_tunnel_or_none() -> None:
    subsets = "[{name: plain}, {name: deep, trafficPolicy: {tunnel: {targetHost: deep.com, targetPort: 1}}}]"
    ruled = rule("db", "{tunnel: {targetHost: far.com, targetPort: 99}}", subsets)

    def tunnel(subset: str) -> Any:
        spec = f"{{hosts: [db], tcp: [{{route: [{{destination: {{host: db, subset: {subset}}}}}]}}]}}"
        return tcp(listener(DB + ruled + virtual_service(spec))["filterChains"][0]).get("tunnelingConfig")

    assert tunnel("deep") == {"hostname": "deep.com:1"}
    assert tunnel("plain") is None


def test_idle_connections_end_as_the_node_says_where_no_rule_does() -> None:
    made = listener(DB, proxy=sidecar(IDLE_TIMEOUT="7s"))

    assert tcp(made["filterChains"][0])["idleTimeout"] == "7s"


CLIENT = Client({"app": "a"}, "ns")


@pytest.mark.parametrize("kind", [L4MatchAttributes, TLSMatchAttributes])
def test_conditions_that_need_no_connection_are_settled_at_once(kind: Any) -> None:
    assert applies(kind(), CLIENT, 80)
    assert applies(kind(port=80, gateways=("mesh",), source_labels={"app": "a"}, source_namespace="ns"), CLIENT, 80)
    assert not applies(kind(port=81), CLIENT, 80)
    assert not applies(kind(gateways=("ns/gw",)), CLIENT, 80)
    assert not applies(kind(gateways=("mesh",), source_labels={"app": "b"}), CLIENT, 80)
    assert not applies(kind(source_namespace="other"), CLIENT, 80)


def test_gateways_have_no_labels_that_count() -> None:
    gateway = Client({}, "ns", "ns/gw")

    assert applies(L4MatchAttributes(gateways=("ns/gw",), source_labels={"app": "b"}), gateway, 80)
