"""What a proxy was given, in words."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3 import route_components_pb2 as routes
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from pilot.debug.dashboard.explained import explain
from pilot.resources import resource, resource_set
from pilot.type_urls import CLUSTER, NAME_TABLE, ROUTE
from tests.pilot.debug.dashboard import scenes

REVIEWS = "reviews.shop.svc.cluster.local"
MESH = scenes.mesh()
FOUND = explain(scenes.held(MESH, scenes.connection(MESH)))


def test_a_listener_says_where_it_leads_and_what_made_it() -> None:
    (http,) = [each for each in FOUND.listeners if each.name == "0.0.0.0_9080"]
    assert (http.address, http.direction, http.routes) == ("0.0.0.0:9080", "outbound", ("9080",))
    assert "Service shop/reviews" in map(str, http.origins)
    (inbound,) = [each for each in FOUND.listeners if each.name == "virtualInbound"]
    assert inbound.direction == "inbound"
    assert inbound.clusters


def test_routes_say_host_condition_share_and_object() -> None:
    first, second = [each for each in FOUND.routes if REVIEWS in each.domains]
    assert first.match == "/new*, header end-user"
    assert first.clusters == ((f"outbound|9080|v2|{REVIEWS}", ""),)
    assert [share for _, share in second.clusters] == ["75 %", "25 %"]
    assert first.made_by == second.made_by == "VirtualService shop/reviews"


def test_clusters_count_their_endpoints_and_name_their_objects() -> None:
    (plain,) = [each for each in FOUND.clusters if each.name == f"outbound|9080||{REVIEWS}"]
    assert (plain.kind, plain.ready, plain.endpoints) == ("EDS", 2, 2)
    assert list(map(str, plain.origins)) == ["Service shop/reviews", "DestinationRule shop/reviews"]


def test_sizes_are_by_type() -> None:
    count, size = FOUND.sizes["CDS"]
    assert count == len(FOUND.clusters)
    assert size > 1000


def test_what_needs_no_explanation_is_listed() -> None:
    found = explain({NAME_TABLE: resource_set([resource(NAME_TABLE, "names", Cluster(name="x"))])})
    assert [(each.type, each.name) for each in found.others] == [("NDS", "names")]
    assert explain({}).clusters == ()


def test_every_kind_of_route_has_words() -> None:
    host = routes.VirtualHost(
        name="a",
        domains=["*"],
        routes=[
            routes.Route(
                match=routes.RouteMatch(path="/a", query_parameters=[{"name": "q"}]),
                redirect=routes.RedirectAction(host_redirect="b", path_redirect="/c"),
            ),
            routes.Route(
                match=routes.RouteMatch(safe_regex={"regex": "a.*"}),
                direct_response=routes.DirectResponseAction(status=503),
            ),
            routes.Route(match=routes.RouteMatch(path_separated_prefix="/a"), route={"cluster_header": "x"}),
            routes.Route(match=routes.RouteMatch(prefix="/"), non_forwarding_action={}),
        ],
    )
    made = resource_set([resource(ROUTE, "80", RouteConfiguration(name="80", virtual_hosts=[host]))])
    assert [(each.match, each.action) for each in explain({ROUTE: made}).routes] == [
        ("/a, query q", "redirects to b/c"),
        ("~a.*", "answers 503"),
        ("/a/*", "by header"),
        ("/*", "answers itself"),
    ]


def test_clusters_may_bring_endpoints_and_encryption() -> None:
    cluster = Cluster(name="a", type=Cluster.STATIC, transport_socket={"name": "envoy.transport_sockets.tls"})
    cluster.load_assignment.endpoints.add().lb_endpoints.add(health_status=2)
    made = Cluster(name="b", cluster_type={"name": "special"})
    found = explain({CLUSTER: resource_set([resource(CLUSTER, each.name, each) for each in (cluster, made)])})
    assert [(each.kind, each.ready, each.endpoints, each.is_encrypted) for each in found.clusters] == [
        ("STATIC", 0, 1, True),
        ("special", 0, 0, False),
    ]
