from dataclasses import replace
from typing import Any

import pytest
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint

from pilot.generators.endpoints import lb_endpoint
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features
from tests.pilot.generators.samples import as_json, endpoint

FEATURES = Features()


def built(each: Endpoint, *, mtls: bool = True, tunnel: bool = False, features: Features = FEATURES) -> Any:
    return as_json(LbEndpoint.FromString(lb_endpoint.build(each, 1, mtls, tunnel, features)))


def test_an_endpoint_has_address_health_weight_and_metadata() -> None:
    assert built(endpoint()) == {
        "endpoint": {"address": {"socketAddress": {"address": "10.1.0.1", "portValue": 8080}}},
        "healthStatus": "HEALTHY",
        "loadBalancingWeight": 1,
        "metadata": {
            "filterMetadata": {
                "envoy.transport_socket_match": {"tlsMode": "istio"},
                "istio": {"workload": "reviews-v1;default;reviews;v1;Kubernetes"},
            }
        },
    }


@pytest.mark.parametrize("mode", ["", "disabled"])
def test_no_transport_socket_is_picked_without_mutual_tls(mode: str) -> None:
    assert "envoy.transport_socket_match" not in built(endpoint(tls_mode=mode))["metadata"]["filterMetadata"]
    assert "envoy.transport_socket_match" not in built(endpoint(), mtls=False)["metadata"]["filterMetadata"]


def test_unknown_health_is_not_said() -> None:
    assert "healthStatus" not in built(endpoint(health=Health.UNKNOWN))
    assert built(endpoint(labels={"istio.io/draining": "1"}))["healthStatus"] == "DRAINING"


def test_a_unix_socket_is_a_pipe() -> None:
    assert built(endpoint("unix:///run/a.sock", port=0))["endpoint"]["address"] == {"pipe": {"path": "/run/a.sock"}}
    assert built(endpoint("/run/a.sock", port=0))["endpoint"]["address"] == {"pipe": {"path": "/run/a.sock"}}


def test_a_second_address_is_sent_in_dual_stack_only() -> None:
    both = replace(endpoint(), addresses=("10.1.0.1", "fd00::1"))

    assert "additionalAddresses" not in built(both)["endpoint"]
    made = built(both, features=replace(FEATURES, dual_stack=True))["endpoint"]["additionalAddresses"]
    assert made == [{"address": {"socketAddress": {"address": "fd00::1", "portValue": 8080}}}]


def test_a_tunnel_leads_through_the_internal_listener() -> None:
    made = built(endpoint("fd00::1"), mtls=False, tunnel=True)

    assert made["endpoint"]["address"] == {
        "envoyInternalAddress": {"serverListenerName": "connect_originate", "endpointId": "[fd00::1]:8080"}
    }
    assert made["metadata"]["filterMetadata"]["envoy.transport_socket_match"] == {"tunnel": "http"}
    assert made["metadata"]["filterMetadata"]["envoy.filters.listener.original_dst"] == {"local": "[fd00::1]:8080"}


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, "reviews-v1;default;reviews-v1;;Kubernetes"),
        ({"app": "a", "version": "latest"}, "reviews-v1;default;a;;Kubernetes"),
        (
            {"app": "a", "app.kubernetes.io/name": "b", "app.kubernetes.io/version": "2"},
            "reviews-v1;default;b;2;Kubernetes",
        ),
        (
            {"service.istio.io/canonical-name": "c", "app": "a", "service.istio.io/canonical-revision": "r"},
            "reviews-v1;default;c;r;Kubernetes",
        ),
    ],
)
def test_the_workload_is_described_by_its_canonical_labels(labels: dict[str, str], text: str) -> None:
    assert lb_endpoint.workload_text(endpoint(labels=labels)) == text


@pytest.mark.parametrize("switch", ["telemetry_label", "endpoint_telemetry_label"])
def test_the_description_can_be_switched_off(switch: str) -> None:
    features = Features(**{switch: False})  # type: ignore[arg-type]  # both are booleans

    assert "istio" not in built(endpoint(), features=features)["metadata"]["filterMetadata"]
