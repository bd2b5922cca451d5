"""Patches of clusters. Source: xDS behaviour 7.1."""

from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.patching.clusters import added_clusters, patch_cluster
from pilot.generators.patching.wire import message_of
from pilot.model.envoy_filter import PatchContext
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER
from tests.pilot.generators.patching.filters_of import message_from, patch, plan

REVIEWS = "outbound|80|v2|reviews.default.svc.cluster.local"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
SOCKET = {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": TLS, "sni": "before"}}
NEW_SOCKET = {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": TLS, "sni": "after"}}
OUTBOUND = PatchContext.SIDECAR_OUTBOUND


def cluster(name: str = REVIEWS, **fields: Any) -> Resource:
    return resource(CLUSTER, name, message_from(Cluster, {"name": name, **fields}))


def changed(made: Resource, match: dict[str, Any] | None, *hosts: str, context: PatchContext = OUTBOUND) -> bool:
    wanted = {"cluster": match} if match is not None else {}
    found = patch_cluster(made, hosts, context, plan(patch("CLUSTER", "MERGE", {"alt_stat_name": "x"}, **wanted)))
    assert bool(found.applied) is (found.resource is not made)
    return found.resource is not made


@pytest.mark.parametrize(
    ("match", "means"),
    [
        (None, True),
        ({}, True),
        ({"name": REVIEWS}, True),
        ({"name": REVIEWS, "portNumber": 9}, True),
        ({"name": "other", "portNumber": 80}, False),
        ({"service": "reviews.default.svc.cluster.local"}, True),
        ({"service": "*.default.svc.cluster.local"}, False),
        ({"subset": "v2", "portNumber": 80}, True),
        ({"subset": "v1"}, False),
        ({"portNumber": 81}, False),
    ],
)
def test_name_alone_or_service_subset_and_port_choose_clusters(match: dict[str, Any] | None, means: bool) -> None:
    assert changed(cluster(), match) is means


def test_a_cluster_that_leads_to_no_service_is_meant_by_its_name_or_by_nothing_in_particular() -> None:
    black_hole = cluster("BlackHoleCluster")
    assert changed(black_hole, None)
    assert changed(black_hole, {"name": "BlackHoleCluster"})
    assert not changed(black_hole, {"portNumber": 80})


def test_an_inbound_cluster_is_meant_by_each_service_behind_it() -> None:
    inbound = cluster("inbound|8080||")
    both = ("a.default.svc.cluster.local", "b.default.svc.cluster.local")
    side = PatchContext.SIDECAR_INBOUND
    assert changed(inbound, {"service": both[1]}, *both, context=side)
    assert not changed(inbound, {"service": "c"}, *both, context=side)
    assert changed(inbound, {"portNumber": 8080}, *both, context=side)


def test_the_context_is_a_condition() -> None:
    gateways = plan(patch("CLUSTER", "REMOVE", context="GATEWAY"))
    assert patch_cluster(cluster(), (), OUTBOUND, gateways).resource is not None
    assert patch_cluster(cluster(), (), PatchContext.GATEWAY, gateways).resource is None


def message(made: Resource, value: dict[str, Any]) -> Any:
    found = patch_cluster(made, (), OUTBOUND, plan(patch("CLUSTER", "MERGE", value)))
    assert found.resource is not None
    return message_of(Cluster, found.resource)


def expected(**fields: Any) -> Any:
    return message_from(Cluster, {"name": REVIEWS, **fields})


def test_a_transport_socket_goes_into_the_one_of_its_name_and_nothing_else_counts() -> None:
    value = {"transport_socket": NEW_SOCKET, "connect_timeout": "9s"}
    assert message(cluster(transport_socket=SOCKET), value) == expected(transport_socket=NEW_SOCKET)


def test_a_transport_socket_of_another_name_takes_its_place_and_nothing_else_counts() -> None:
    raw = {"name": "raw"}
    value = {"transport_socket": NEW_SOCKET, "connect_timeout": "9s"}
    assert message(cluster(transport_socket=raw), value) == expected(transport_socket=NEW_SOCKET)
    assert message(cluster(), value) == expected(transport_socket=NEW_SOCKET)


def test_where_connections_choose_the_socket_of_that_name_is_patched() -> None:
    matches = [{"name": "tls", "transport_socket": SOCKET}, {"name": "raw", "transport_socket": {"name": "raw"}}]
    wanted = [{"name": "tls", "transport_socket": NEW_SOCKET}, matches[1]]
    assert message(cluster(transport_socket_matches=matches), {"transport_socket": NEW_SOCKET}) == expected(
        transport_socket_matches=wanted
    )


def test_where_connections_choose_and_none_has_that_name_nothing_is_done_and_that_is_said() -> None:
    made = cluster(transport_socket_matches=[{"name": "raw", "transport_socket": {"name": "raw"}}])
    found = patch_cluster(made, (), OUTBOUND, plan(patch("CLUSTER", "MERGE", {"transport_socket": NEW_SOCKET})))
    assert found.resource is made
    assert "expected a transport socket match" in found.faults[0].message


def test_a_configuration_of_another_type_is_not_merged_and_that_is_said() -> None:
    other = {"name": SOCKET["name"], "typed_config": {"@type": TLS.replace("Upstream", "Downstream")}}
    made = cluster(transport_socket=SOCKET)
    found = patch_cluster(made, (), OUTBOUND, plan(patch("CLUSTER", "MERGE", {"transport_socket": other})))
    assert found.resource is made
    assert "expected a configuration of type" in found.faults[0].message


def test_clusters_for_any_context_are_added_outbound_only() -> None:
    made = plan(
        patch("CLUSTER", "ADD", {"name": "a"}), patch("CLUSTER", "ADD", {"name": "b"}, context="SIDECAR_INBOUND")
    )

    def names(context: PatchContext) -> list[str]:
        return [each.resource.name for each in added_clusters(context, made) if each.resource is not None]

    assert names(OUTBOUND) == ["a"]
    assert names(PatchContext.SIDECAR_INBOUND) == ["b"]
    assert names(PatchContext.GATEWAY) == ["a"]
