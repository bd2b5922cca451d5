"""Who calls whom."""

from pilot.debug.dashboard.calls import calls
from tests.pilot.debug.dashboard import scenes
from tests.pilot.model.meshes import mesh_of

GATEWAY = """
kind: VirtualService
metadata: {name: front, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [mesh, web]
  http:
  - match:
    - {uri: {exact: /a}, port: 80}
    - {method: {exact: GET}, authority: {regex: "a.*"}, queryParams: {q: {exact: x}}}
    route: [{destination: {host: reviews}}]
    mirror: {host: ratings}
    mirrors: [{destination: {host: details}}]
  tls: [{match: [{port: 443, sniHosts: [shop.example]}], route: [{destination: {host: reviews}}]}]
  tcp: [{route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 3}]}]
"""


def told(text: str) -> list[tuple[str, str, str, str]]:
    return [(each.caller, each.callee, each.share, each.when) for each in calls(mesh_of(text))]


def test_routes_lead_to_services_with_share_and_condition() -> None:
    found = calls(mesh_of(scenes.SHOP))
    reviews, ratings = "reviews.shop.svc.cluster.local", "ratings.shop.svc.cluster.local"
    assert [(each.caller, each.callee, each.subset, each.share, each.when) for each in found[:3]] == [
        ("sidecars", reviews, "v2", "", "/new* and header end-user"),
        ("sidecars", reviews, "v1", "75 %", ""),
        ("sidecars", ratings, "v2", "25 %", ""),
    ]
    assert str(found[0].origin) == "VirtualService shop/reviews"
    assert found[0].host == reviews


def test_gateways_call_and_mirrors_streams_and_conditions_are_told() -> None:
    found = told(GATEWAY)
    when = "/a and port 80 or method GET and authority a.* and query q"
    host = "{}.shop.svc.cluster.local".format
    assert [row[1:] for row in found if row[0] == "gateway shop/web"] == [
        (host("reviews"), "", when),
        (host("ratings"), "mirrored", when),
        (host("details"), "mirrored", when),
        (host("reviews"), "", "TLS"),
        (host("a"), "25 %", "TCP"),
        (host("b"), "75 %", "TCP"),
    ]
    assert {row[0] for row in found} == {"gateway shop/web", "sidecars"}


def test_sidecars_say_what_a_workload_may_reach() -> None:
    narrow = [row for row in told(scenes.SHOP) if row[0].startswith("workload")]
    assert narrow == [
        ("workload shop app=web", "every service in shop", "", ""),
        ("workload shop app=web", "every service in istio-system", "", ""),
    ]


def test_sidecar_of_a_whole_namespace_with_ports_and_every_way_to_name_hosts() -> None:
    found = told(
        """
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ["*/*", "~/*", "*/a.example"]}]}
"""
    )
    assert found == [
        ("sidecars in shop", "every service", "", "port 80"),
        ("sidecars in shop", "no service", "", "port 80"),
        ("sidecars in shop", "a.example", "", "port 80"),
    ]
