"""Figures of what sources tell."""

from prometheus_client import CollectorRegistry

from pilot.debug.exposition import generate
from pilot.debug.feed_metrics import FeedMetrics
from pilot.model.object_store import ObjectStore, apply_events
from pilot.model.objects import Event, ObjectKey
from tests import recordings

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {ports: [{port: 80}]}}"
RULE = (
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a, namespace: shop}, spec: {host: a}}"
)


def test_events_are_counted_by_kind_and_by_what_happened() -> None:
    registry = CollectorRegistry()
    figures, events = FeedMetrics(registry), list(recordings.decode_objects(f"{SERVICE}\n---\n{RULE}"))
    figures.took(events, ObjectStore(), from_cluster=True)
    known, _ = apply_events(ObjectStore(), events)
    figures.took([*events, Event(ObjectKey("Service", "shop", "a"), None)], known, from_cluster=True)
    figures.built(0.05)
    text = generate(registry)
    for line in (
        'pilot_k8s_reg_events{event="add",type="Services"} 1.0',
        'pilot_k8s_reg_events{event="update",type="Services"} 1.0',
        'pilot_k8s_reg_events{event="delete",type="Services"} 1.0',
        'pilot_k8s_cfg_events{event="add",type="DestinationRule"} 1.0',
        'pilot_inbound_updates{type="svc"} 2.0',
        'pilot_inbound_updates{type="svcdelete"} 1.0',
        'pilot_inbound_updates{type="config"} 2.0',
        'pilot_pushcontext_init_seconds_bucket{le="0.1"} 1.0',
    ):
        assert line in text


ENDPOINTS = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, namespace: shop, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: first, namespace: shop}}
- {addresses: [10.0.0.2], targetRef: {kind: Pod, name: second, namespace: shop}}
- {addresses: [10.0.0.3]}
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop}, spec: {containers: [{name: c}]}}"


def test_endpoints_that_come_before_their_pods_are_counted() -> None:
    registry = CollectorRegistry()
    figures = FeedMetrics(registry)
    early = "pilot_k8s_endpoints_with_no_pods"
    first, _ = apply_events(ObjectStore(), list(recordings.decode_objects(POD % "first")))
    figures.took(recordings.decode_objects(ENDPOINTS), first, from_cluster=True)
    assert registry.get_sample_value(early) == 1
    figures.took(recordings.decode_objects(f"{ENDPOINTS}\n---\n{POD % 'second'}"), first, from_cluster=True)
    assert registry.get_sample_value(early) == 1
    figures.took(recordings.decode_objects(ENDPOINTS), ObjectStore(), from_cluster=False)
    assert registry.get_sample_value(early) == 1


def test_files_are_no_events_of_a_cluster() -> None:
    registry = CollectorRegistry()
    FeedMetrics(registry).took(recordings.decode_objects(SERVICE), ObjectStore(), from_cluster=False)
    assert "pilot_k8s_reg_events{" not in generate(registry)
