"""The xDS types: the URLs are those of real messages, and the order of a push never leaves Envoy without a cluster."""

import importlib

import pytest

from pilot import type_urls
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, PUSH_ORDER, ROUTE, SHORT_NAMES, short_name


@pytest.mark.parametrize(
    ("module", "message", "url"),
    [
        ("envoy.config.cluster.v3.cluster_pb2", "Cluster", CLUSTER),
        ("envoy.config.endpoint.v3.endpoint_pb2", "ClusterLoadAssignment", ENDPOINT),
        ("envoy.config.listener.v3.listener_pb2", "Listener", LISTENER),
        ("envoy.config.route.v3.route_pb2", "RouteConfiguration", ROUTE),
        ("envoy.extensions.transport_sockets.tls.v3.secret_pb2", "Secret", type_urls.SECRET),
        ("envoy.config.core.v3.extension_pb2", "TypedExtensionConfig", type_urls.EXTENSION_CONFIG),
        ("istio_api.nds_pb2", "NameTable", NAME_TABLE),
    ],
)
def test_type_url_names_a_message_that_exists(module: str, message: str, url: str) -> None:
    descriptor = getattr(importlib.import_module(module), message).DESCRIPTOR
    assert url == f"type.googleapis.com/{descriptor.full_name}"


def test_push_makes_before_it_breaks() -> None:
    order = [PUSH_ORDER.index(each) for each in (CLUSTER, ENDPOINT, LISTENER, ROUTE)]
    assert order == [0, 1, 2, 3]
    assert len(set(PUSH_ORDER)) == len(PUSH_ORDER)


def test_short_names_are_what_people_say() -> None:
    assert [short_name(each) for each in (CLUSTER, ENDPOINT, LISTENER, ROUTE)] == ["CDS", "EDS", "LDS", "RDS"]
    assert short_name("example.com/unknown") == "example.com/unknown"
    assert len(set(SHORT_NAMES.values())) == len(SHORT_NAMES)
