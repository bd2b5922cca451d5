from dataclasses import replace
from typing import Any

from pilot.generators import clusters, endpoints, listeners
from pilot.view.proxy_view import ProxyView
from tests.networks_mesh import FEATURES, WAYS, cluster, entrance, mesh_of
from tests.recordings import as_json, names_in, view_of
from tests.waypoint_mesh import HOST, pod, slice_of, waypoint

FIXED = {"main_internal", "encap", "connect_originate", "inner_connect_originate", "outer_connect_originate"}
API = """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: other}
spec: {clusterIP: 10.0.0.2, selector: {app: api}, ports: [{name: http, port: 80}]}
"""
RULE = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: shop}}
spec:
  host: {HOST}
  trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}, connectionPool: {{http: {{http2MaxRequests: 7}}}}}}
  subsets: [{{name: v1, labels: {{version: v1}}}}]
"""


def entry(resolution: str, host: str = "api.example.com", more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: api, namespace: shop}}
spec:
  hosts: ["{host}"]
  location: MESH_EXTERNAL
  resolution: {resolution}
  ports: [{{number: 80, name: http, protocol: HTTP}}]
{more}
"""


def made(view: ProxyView) -> dict[str, Any]:
    return as_json(clusters.build(view))


def test_a_waypoint_has_a_cluster_for_each_part_of_its_services_and_no_outbound_ones() -> None:
    assert set(made(waypoint(API))) == FIXED | {f"inbound-vip|80|http|{HOST}"}


def test_what_routes_lead_to_elsewhere_is_reached_as_by_any_client() -> None:
    routes = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [{HOST}]
  http: [{{route: [{{destination: {{host: api.other.svc.cluster.local}}}}]}}]
"""
    assert "outbound|80||api.other.svc.cluster.local" in made(waypoint(API, routes))


def test_subsets_have_clusters_whose_name_says_what_is_routed() -> None:
    found = made(waypoint(RULE))

    subset = found[f"inbound-vip|80|http/v1|{HOST}"]
    assert subset["metadata"]["filterMetadata"]["istio"]["subset"] == "http/v1"
    assert subset["circuitBreakers"]["thresholds"][0]["maxRequests"] == 7


def test_mutual_tls_of_the_mesh_is_the_tunnels_part() -> None:
    socket = made(waypoint(RULE))[f"inbound-vip|80|http|{HOST}"]["transportSocket"]

    assert socket["name"] == "internal_upstream"
    assert socket["typedConfig"]["transportSocket"]["name"] == "raw_buffer"


def test_tls_toward_a_server_is_inside() -> None:
    tls = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: shop}
spec: {host: api.example.com, trafficPolicy: {tls: {mode: SIMPLE}}}
"""
    named = entry("DNS", more="  subjectAltNames: [spiffe://a]")
    cluster = made(waypoint(named, tls))["inbound-vip|80|http|api.example.com"]

    assert "spiffe://a" in str(cluster["transportSocket"])
    assert cluster["type"] == "STRICT_DNS"
    assert cluster["transportSocket"]["typedConfig"]["transportSocket"]["name"] == "envoy.transport_sockets.tls"


def test_a_wildcard_host_is_resolved_as_it_is_asked_for() -> None:
    cluster = made(waypoint(entry("DYNAMIC_DNS", "*.example.com")))["inbound-vip|80|http|*.example.com"]

    assert "type" not in cluster
    assert cluster["clusterType"]["name"] == "envoy.clusters.dynamic_forward_proxy"


def test_tunnels_go_to_the_trust_domain_and_to_accounts_of_the_waypoints_namespace() -> None:
    tls = made(waypoint())["connect_originate"]["transportSocket"]["typedConfig"]["commonTlsContext"]
    names = tls["combinedValidationContext"]["defaultValidationContext"]["matchTypedSubjectAltNames"]

    assert [each["matcher"]["prefix"] for each in names] == [
        "spiffe://cluster.local/",
        "spiffe://cluster.local/ns/shop/sa/",
    ]


def test_a_change_of_one_service_leaves_the_clusters_of_others_as_they_are() -> None:
    other = API.replace("namespace: other", "namespace: shop")
    before, after = clusters.build(waypoint(other)), clusters.build(waypoint(other, RULE))
    name = "inbound-vip|80|http|api.shop.svc.cluster.local"

    assert before[name].version == after[name].version
    assert before[f"inbound-vip|80|http|{HOST}"].version != after[f"inbound-vip|80|http|{HOST}"].version


def test_endpoints_behind_a_waypoint_are_reached_through_tunnels_where_they_take_them() -> None:
    name = f"inbound-vip|80|http|{HOST}"
    captured = waypoint(pod("web-1", "10.1.0.1"), slice_of("web", "10.1.0.1", "web-1"))
    plain = waypoint(pod("web-1", "10.1.0.1", captured=False), slice_of("web", "10.1.0.1", "web-1"))
    addresses = [
        as_json(endpoints.build(view, frozenset((name,))))[name]["endpoints"][0]["lbEndpoints"][0]
        for view in (captured, plain)
    ]

    assert addresses[0]["endpoint"]["address"]["envoyInternalAddress"] == {
        "serverListenerName": "connect_originate",
        "endpointId": "10.1.0.1:8080",
    }
    assert "envoy.transport_socket_match" not in addresses[0]["metadata"]["filterMetadata"]
    assert addresses[1]["endpoint"]["address"]["socketAddress"]["address"] == "10.1.0.1"


def test_an_entrance_passes_tunnels_on_to_workloads_of_its_cluster() -> None:
    view = entrance()
    made = as_json(clusters.build(view))
    name = "inbound-vip|80|tcp|web.shop.svc.cluster.local"
    assert list(made) == ["main_internal", "encap", name, "forward_inner_connect", "BlackHoleCluster"]
    forward = made["forward_inner_connect"]
    assert (forward["type"], forward["originalDstLbConfig"]["upstreamPortOverride"]) == ("ORIGINAL_DST", 15008)
    assert "transportSocket" not in forward
    assert "typedExtensionProtocolOptions" not in forward | made["encap"]
    assert list(names_in(made["encap"], "serverListenerName")) == ["forward_inner_connect"]
    passed = made[name]["transportSocket"]["typedConfig"]["passthroughMetadata"]
    assert [(each["name"], *each["kind"]) for each in passed] == [
        ("envoy.filters.listener.original_dst", "host"),
        ("istio", "cluster"),
        ("istio", "host"),
    ]
    assert "typedExtensionProtocolOptions" not in made[name]
    (assigned,) = as_json(endpoints.build(view, frozenset({name}))).values()
    assert list(names_in(assigned, "serverListenerName")) == ["forward_inner_connect"]
    assert list(names_in(assigned, "endpointId")) == ["10.1.0.1:8080"]


def test_a_gateway_that_reaches_other_networks_has_the_clusters_for_it() -> None:
    own = cluster("east", "10.0.0.1", "10.1.0.1", more=f"---{WAYS}")
    node = {"id": "router~10.1.0.7~gw-0.shop~shop.svc.cluster.local", "metadata": {"NAMESPACE": "shop"}}
    for ingress in (True, False):
        view = view_of(mesh_of(own, features=replace(FEATURES, multi_network_ingress=ingress)), node)
        pair = [] if not ingress else ["inner_connect_originate", "outer_connect_originate"]
        assert list(clusters.build(view))[-1 - len(pair) :] == [*pair, "connect_originate"]
        assert list(listeners.build(view)) == [*pair, "connect_originate"]
