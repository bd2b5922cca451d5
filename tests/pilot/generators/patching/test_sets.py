"""Sets of resources before and after patches."""

from pilot.generators import clusters, listeners, routes
from pilot.generators.patching import sets
from pilot.memo import finish
from pilot.resources import resource_set
from pilot.type_urls import CLUSTER, LISTENER, ROUTE, SECRET
from tests.pilot.generators import worlds
from tests.pilot.generators.patching.filters_of import (
    clusters_of,
    envoy_filter,
    listeners_of,
    lua,
    patch,
    routes_of,
    view,
)

EIGHTY = frozenset({"80"})


def test_without_patches_nothing_is_done() -> None:
    seen = view()
    made = (clusters.build(seen), listeners.build(seen), routes.build(seen, EIGHTY))
    assert sets.clusters(made[0], seen) is made[0]
    assert sets.listeners(made[1], seen) is made[1]
    assert sets.routes(made[2], seen) is made[2]
    assert finish(sets.steps(made[0], seen, CLUSTER)) is made[0]
    assert not list(sets.extensions(seen, EIGHTY))


def test_patches_of_one_type_leave_the_others_alone() -> None:
    seen = view(envoy_filter(patch("CLUSTER", "REMOVE", cluster={"name": "BlackHoleCluster"})))
    made = listeners.build(seen)
    assert sets.listeners(made, seen) is made
    assert "BlackHoleCluster" not in clusters_of(seen)


def test_patches_that_mean_nothing_leave_the_set_as_it_is() -> None:
    seen = view(envoy_filter(patch("CLUSTER", "REMOVE", cluster={"name": "nobody"})))
    made = clusters.build(seen)
    assert sets.clusters(made, seen) is made


def test_each_side_of_a_sidecar_has_its_context() -> None:
    slow = {"connect_timeout": "77s"}
    seen = view(envoy_filter(patch("CLUSTER", "MERGE", slow, context="SIDECAR_INBOUND")))
    changed = {name for name, each in clusters_of(seen).items() if each["connectTimeout"] == "77s"}
    assert changed == {"inbound|8080||", "InboundPassthroughCluster"}


def test_the_service_behind_an_inbound_cluster_is_known() -> None:
    match = {"service": "client.default.svc.cluster.local"}
    seen = view(envoy_filter(patch("CLUSTER", "REMOVE", context="SIDECAR_INBOUND", cluster=match)))
    assert "inbound|8080||" not in clusters_of(seen)


def test_a_gateway_has_the_gateway_context_alone() -> None:
    patches = envoy_filter(
        patch("CLUSTER", "ADD", {"name": "a"}),
        patch("CLUSTER", "ADD", {"name": "b"}, context="GATEWAY"),
        patch("CLUSTER", "ADD", {"name": "c"}, context="SIDECAR_OUTBOUND"),
    )
    found = clusters_of(view(patches, proxy=worlds.gateway()))
    assert {"a", "b", "c"} & set(found) == {"a", "b"}


def test_small_steps_do_the_same_work_as_one() -> None:
    seen = view(
        envoy_filter(
            patch("CLUSTER", "MERGE", {"connect_timeout": "5s"}),
            patch("LISTENER", "ADD", {"name": "mine"}),
            patch("VIRTUAL_HOST", "MERGE", {"request_headers_to_remove": ["x"]}),
        )
    )
    for type_url, made, whole in (
        (CLUSTER, clusters.build(seen), sets.clusters),
        (LISTENER, listeners.build(seen), sets.listeners),
        (ROUTE, routes.build(seen, EIGHTY), sets.routes),
    ):
        assert len(list(sets.steps(made, seen, type_url))) == len(made)
        assert finish(sets.steps(made, seen, type_url)) is whole(made, seen)
        assert whole(made, seen) is not made


def test_types_that_no_patch_changes_stay_as_they_are() -> None:
    seen = view(envoy_filter(patch("CLUSTER", "MERGE", {"connect_timeout": "5s"})))
    made = clusters.build(seen)
    assert finish(sets.steps(made, seen, SECRET)) is made


def test_listeners_and_routes_are_added() -> None:
    added = patch("LISTENER", "ADD", {"name": "mine"}, context="SIDECAR_OUTBOUND")
    host = patch("VIRTUAL_HOST", "ADD", {"name": "v", "domains": ["v"]}, context="SIDECAR_OUTBOUND")
    seen = view(envoy_filter(added, host))
    assert "mine" in listeners_of(seen)
    assert "v" in {each["name"] for each in routes_of(seen, "80")["80"]["virtualHosts"]}


def test_extension_configurations_are_there_by_name() -> None:
    seen = view(envoy_filter(patch("EXTENSION_CONFIG", "ADD", lua("x"))))
    assert [each.name for each in sets.extensions(seen, frozenset({"x", "y"}))] == ["x"]


def test_one_limit_of_direct_responses_reaches_every_route_configuration() -> None:
    limit = patch("ROUTE_CONFIGURATION", "MERGE", {"max_direct_response_body_size_bytes": 1234}, context="GATEWAY")
    seen = view(envoy_filter(limit, namespace="elsewhere"))
    assert routes_of(seen, "80")["80"]["maxDirectResponseBodySizeBytes"] == 1234


def test_a_gateways_port_is_that_of_its_server() -> None:
    objects = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
"""
    match = {"portNumber": 80}
    merge = patch("ROUTE_CONFIGURATION", "MERGE", {"response_headers_to_remove": ["x"]}, routeConfiguration=match)
    found = routes_of(view(objects, envoy_filter(merge), proxy=worlds.gateway()), "http.80")
    assert found["http.80"]["responseHeadersToRemove"] == ["x"]


def test_a_waypoint_gets_added_clusters_of_inbound_patches_alone() -> None:
    patches = (
        patch("CLUSTER", "ADD", {"name": "a"}),
        patch("CLUSTER", "ADD", {"name": "b"}, context="SIDECAR_INBOUND"),
        patch("CLUSTER", "ADD", {"name": "c"}, context="SIDECAR_OUTBOUND"),
    )
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "way"}
    labels = {"gateway.networking.k8s.io/gateway-name": "way"}
    proxy = {**worlds.sidecar(LABELS=labels), "id": "waypoint~10.9.0.3~way-0.default~default.svc.cluster.local"}
    seen = view(envoy_filter(*patches, namespace="default", targetRefs=[target]), proxy=proxy)
    made = sets.clusters(resource_set(()), seen)
    assert list(made) == ["b"]
