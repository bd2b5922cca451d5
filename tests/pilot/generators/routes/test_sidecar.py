from typing import Any

import pytest

from pilot.generators.routes.sidecar import RouteName, build_route, parse_route_name, select_listener
from tests.pilot.generators import worlds
from tests.pilot.generators.worlds import first_routes, hosts_of, routes_of, view

REVIEWS = "reviews.default.svc.cluster.local"
SNIFFED = """
apiVersion: v1
kind: Service
metadata: {name: what, namespace: default}
spec: {clusterIP: 10.0.0.3, ports: [{name: any, port: 6000}]}
---
apiVersion: v1
kind: Service
metadata: {name: that, namespace: default}
spec: {clusterIP: 10.0.0.4, ports: [{name: any, port: 6000}]}
"""


def virtual_service(spec: str, name: str = "vs") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec: {spec}
"""


def cluster(route: Any) -> str:
    return str(route["route"]["cluster"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("80", RouteName(80)),
        ("a.b:80", RouteName(80, sniffed=True)),
        ("http_proxy", RouteName(0)),
        ("unix:///a/b", RouteName(0)),
        ("inbound|80||", None),
        ("", None),
        (":80", None),
        ("a:", None),
    ],
)
def test_names_say_which_ports_are_meant(name: str, meant: RouteName | None) -> None:
    assert parse_route_name(name) == meant


def test_a_service_has_a_virtual_host_and_the_rest_is_passed_on() -> None:
    hosts = hosts_of(view(worlds.REVIEWS))

    assert list(hosts) == [f"{REVIEWS}:80", "allow_any"]
    assert hosts[f"{REVIEWS}:80"]["includeRequestAttemptCount"] is True
    assert cluster(hosts[f"{REVIEWS}:80"]["routes"][0]) == f"outbound|80||{REVIEWS}"
    assert hosts["allow_any"]["domains"] == ["*"]
    assert cluster(hosts["allow_any"]["routes"][0]) == "PassthroughCluster"


def test_unknown_names_are_refused_where_the_mesh_says_so() -> None:
    hosts = hosts_of(view(worlds.REVIEWS, mesh="outboundTrafficPolicy: {mode: REGISTRY_ONLY}"))

    assert hosts["block_all"]["routes"][0]["directResponse"] == {"status": 502}


def test_every_name_gets_an_answer() -> None:
    made = routes_of(view(worlds.REVIEWS), "80", "nonsense", "9999")

    assert made["nonsense"] == {"name": "nonsense", "validateClusters": False}
    assert [host["name"] for host in made["9999"]["virtualHosts"]] == ["allow_any"]


def test_ports_that_carry_bytes_have_no_virtual_host() -> None:
    assert list(hosts_of(view(worlds.DATABASE), "5432")) == ["allow_any"]


def test_a_sniffed_service_alone_takes_every_name() -> None:
    (host,) = routes_of(view(SNIFFED), "what.default.svc.cluster.local:6000").popitem()[1]["virtualHosts"]

    assert host["domains"] == ["*"]
    assert cluster(host["routes"][0]) == "outbound|6000||what.default.svc.cluster.local"


def test_a_virtual_service_replaces_the_route_of_its_host() -> None:
    spec = "{hosts: [reviews, else.com], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}"
    seen = view(worlds.REVIEWS + virtual_service(spec))

    assert list(hosts_of(seen)) == ["else.com:80", f"{REVIEWS}:80", "allow_any"]
    assert cluster(first_routes(seen, f"{REVIEWS}:80")[0]) == f"outbound|80|v1|{REVIEWS}"
    assert hosts_of(seen)["else.com:80"]["domains"] == ["else.com"]


def test_hosts_that_no_service_has_are_on_port_80_only() -> None:
    spec = "{hosts: [else.com], http: [{route: [{destination: {host: reviews}}]}]}"
    seen = view(SNIFFED + virtual_service(spec))

    assert "else.com:80" in hosts_of(seen)
    assert "else.com:6000" not in hosts_of(seen, "6000")


def test_the_first_virtual_service_of_a_host_counts() -> None:
    one = virtual_service("{hosts: [reviews], http: [{route: [{destination: {host: one}}]}]}", "a")
    two = virtual_service("{hosts: [reviews], http: [{route: [{destination: {host: two}}]}]}", "b")
    (route,) = first_routes(view(worlds.REVIEWS + two + one), f"{REVIEWS}:80")

    assert "one.default" in cluster(route)


def test_a_virtual_service_without_a_route_for_the_port_leaves_the_service_alone() -> None:
    spec = "{hosts: [reviews], http: [{match: [{port: 81}], route: [{destination: {host: other}}]}]}"

    assert (
        cluster(first_routes(view(worlds.REVIEWS + virtual_service(spec)), f"{REVIEWS}:80")[0])
        == f"outbound|80||{REVIEWS}"
    )


def test_a_wildcard_host_speaks_for_the_services_it_covers() -> None:
    spec = '{hosts: ["*.default.svc.cluster.local"], http: [{route: [{destination: {host: reviews, subset: v9}}]}]}'
    seen = view(worlds.REVIEWS + virtual_service(spec))

    assert cluster(first_routes(seen, f"{REVIEWS}:80")[0]) == f"outbound|80|v9|{REVIEWS}"


def test_a_virtual_service_for_every_name_takes_the_place_of_the_catch_all() -> None:
    """Two virtual hosts for `*` would cost the whole configuration."""
    spec = '{hosts: ["*"], http: [{route: [{destination: {host: reviews}}]}]}'
    hosts = hosts_of(view(virtual_service(spec)))

    assert [host["domains"] for host in hosts.values()] == [["*"]]


def entry(name: str, *hosts: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec: {{hosts: [{", ".join(hosts)}], ports: [{{name: http, number: 80, protocol: HTTP}}], resolution: DNS}}
"""


def test_no_name_is_in_two_virtual_hosts() -> None:
    hosts = hosts_of(
        view(worlds.REVIEWS + entry("a", "reviews.default", "API.example.com") + entry("b", "api.example.com"))
    )
    domains = [domain.lower() for host in hosts.values() for domain in host["domains"]]

    assert len(domains) == len(set(domains))
    assert hosts["reviews.default:80"]["domains"][0] == "reviews.default"
    assert "reviews.default" not in hosts[f"{REVIEWS}:80"]["domains"]


def test_a_name_of_a_virtual_service_is_taken_from_the_service_that_has_it_too() -> None:
    spec = "{hosts: [10.0.0.1], http: [{route: [{destination: {host: other}}]}]}"
    hosts = hosts_of(view(worlds.REVIEWS + virtual_service(spec)))

    assert hosts["10.0.0.1:80"]["domains"] == ["10.0.0.1"]
    assert "10.0.0.1" not in hosts[f"{REVIEWS}:80"]["domains"]


SIDECAR = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  egress:
  - {port: {number: 3128, protocol: HTTP_PROXY, name: proxy}, bind: 127.0.0.1, hosts: ["*/*"]}
  - {port: {number: 0, protocol: HTTP, name: unix}, bind: "unix:///a/b", captureMode: NONE, hosts: ["*/*"]}
  - {port: {number: 80, protocol: HTTP, name: http}, hosts: ["./*"]}
  outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: out.example.com, port: {number: 7}}}
"""


def test_a_forward_proxy_knows_all_ports_and_port_80_owns_the_bare_names() -> None:
    hosts = hosts_of(view(worlds.REVIEWS + "---" + SNIFFED + SIDECAR), "3128")

    assert {REVIEWS, f"{REVIEWS}:80"} <= set(hosts[f"{REVIEWS}:80"]["domains"])
    assert all(":" in domain for domain in hosts["what.default.svc.cluster.local:6000"]["domains"])


def test_a_socket_knows_all_ports_too() -> None:
    assert f"{REVIEWS}:80" in hosts_of(view(worlds.REVIEWS + SIDECAR), "unix:///a/b")


def test_unknown_names_go_to_the_egress_proxy() -> None:
    made = hosts_of(view(worlds.REVIEWS + SIDECAR))["allow_any"]

    assert cluster(made["routes"][0]) == "outbound|7||out.example.com"


def test_a_port_without_egress_listener_has_no_routes() -> None:
    seen = view(worlds.REVIEWS + SIDECAR)

    assert select_listener(seen.scope, "81", 81) is None
    assert routes_of(seen, "81")["81"] == {"name": "81", "validateClusters": False}


def test_sticky_sessions_are_of_the_virtual_host() -> None:
    sticky = worlds.REVIEWS.replace(
        "namespace: default", "namespace: default, labels: {istio.io/persistent-session: c}"
    )
    made = hosts_of(view(sticky, PILOT_ENABLE_PERSISTENT_SESSION_FILTER="true"))[f"{REVIEWS}:80"]

    assert list(made["typedPerFilterConfig"]) == ["envoy.filters.http.stateful_session"]


def test_a_configuration_names_the_objects_it_was_made_from() -> None:
    spec = "{hosts: [else.com], http: [{route: [{destination: {host: reviews}}]}]}"
    made = build_route("80", worlds.caller(view(worlds.REVIEWS + virtual_service(spec))))

    assert {str(origin) for origin in made.origins} == {"Service default/reviews", "VirtualService default/vs"}
