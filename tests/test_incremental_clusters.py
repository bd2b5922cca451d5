"""Whatever happened before, what is generated equals generation from scratch, byte for byte.

Random small meshes change step by step; several proxies look at each. Then everything is forgotten and made again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.generators import clusters, endpoints, nds
from pilot.memo import clear_all
from pilot.model.destination_rule import DestinationRule, DestinationRuleSpec, Subset
from pilot.model.objects import Event, Object
from pilot.model.snapshot import Snapshot
from pilot.model.traffic_policy import (
    ClientTLSMode,
    ClientTLSSettings,
    ConnectionPoolSettings,
    LoadBalancerSettings,
    LocalityDistribute,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    PortTrafficPolicy,
    SimpleLB,
    TCPSettings,
    TrafficPolicy,
)
from pilot.model.virtual_service import PortSelector
from pilot.resources import ResourceSet
from pilot.view import build, node
from pilot.view.proxy import Proxy
from tests.pilot.model.random_meshes import BASE, HOSTS, OBJECTS, one_of

LABELS = one_of([{}, {"version": "v1"}, {"app": "x"}])
LOCALITY = one_of(
    [
        None,
        LocalityLoadBalancerSetting(enabled=False),
        LocalityLoadBalancerSetting(failover_priority=("version", "kubernetes.io/hostname")),
        LocalityLoadBalancerSetting(distribute=(LocalityDistribute(from_="*", to={"r": 80, "*": 20}),)),
    ]
)
PARTS: Mapping[str, st.SearchStrategy[Any]] = {
    "load_balancer": st.one_of(
        st.none(),
        st.builds(
            LoadBalancerSettings,
            simple=one_of([None, SimpleLB.RANDOM, SimpleLB.PASSTHROUGH]),
            locality_lb_setting=LOCALITY,
        ),
    ),
    "outlier_detection": one_of([None, OutlierDetection(consecutive_5xx_errors=3)]),
    "connection_pool": one_of([None, ConnectionPoolSettings(tcp=TCPSettings(max_connections=3))]),
    "tls": one_of([None, *(ClientTLSSettings(mode=mode) for mode in ClientTLSMode)]),
}
POLICIES = st.one_of(
    st.none(),
    st.builds(
        TrafficPolicy,
        port_level_settings=st.one_of(
            st.just(()), st.tuples(st.builds(PortTrafficPolicy, port=st.just(PortSelector(number=80)), **PARTS))
        ),
        **PARTS,
    ),
)
RULES = st.builds(
    DestinationRule,
    metadata=st.sampled_from([each.metadata for each in BASE]),
    spec=st.builds(
        DestinationRuleSpec,
        host=HOSTS,
        traffic_policy=POLICIES,
        subsets=st.lists(
            st.builds(Subset, name=one_of(["v1", "v2"]), labels=LABELS, traffic_policy=POLICIES),
            max_size=2,
            unique_by=lambda subset: subset.name,
        ).map(tuple),
    ),
)
CHANGES = st.lists(st.tuples(st.one_of(OBJECTS, RULES), st.booleans()), min_size=1, max_size=12)


def _proxy(text: dict[str, Any]) -> Proxy:
    return node.parse_node(json_format.ParseDict(text, Node()), Snapshot.empty().features)


def _sidecar(name: str, namespace: str, address: str, **more: Any) -> Proxy:
    domain = f"{namespace}.svc.cluster.local"
    metadata = {"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "x"}, **more}
    return _proxy({"id": f"sidecar~{address}~{name}.{namespace}~{domain}", "metadata": metadata})


PROXIES: Sequence[Proxy] = (
    _sidecar("p1", "a", "10.0.0.1", NODE_NAME="n1"),
    _sidecar("p2", "a", "10.0.0.2"),
    _sidecar("far", "b", "10.0.0.9"),
    _proxy(
        {"id": "router~10.0.0.8~gw.istio-system~istio-system.svc.cluster.local", "metadata": {"LABELS": {"app": "x"}}}
    ),
)

Content = dict[str, tuple[bytes, str]]


def _content(made: ResourceSet) -> Content:
    return {name: (each.body, each.version) for name, each in made.resources.items()}


def _everything(snapshot: Snapshot) -> list[tuple[Content, ...]]:
    """What each proxy gets, and the endpoints of every cluster that some proxy has."""
    found = []
    for proxy in PROXIES:
        view = build.build(snapshot, proxy)
        made = clusters.build(view)
        found.append((made, endpoints.build(view, frozenset(made)), nds.build(view)))
    return [tuple(map(_content, each)) for each in found]


def _apply(snapshot: Snapshot, change: tuple[Object, bool]) -> Snapshot:
    return snapshot.apply([_event(change)])[0]


def _event(change: tuple[Object, bool]) -> Event:
    changed, gone = change
    return Event(changed.key, None if gone else changed)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_generation_after_any_history_equals_generation_from_scratch(changes: list[tuple[Object, bool]]) -> None:
    snapshot, _ = Snapshot.empty().apply([Event(each.key, each) for each in BASE])
    grown = _everything(snapshot)
    for change in changes:
        snapshot = _apply(snapshot, change)
        grown = _everything(snapshot)
    clear_all()
    assert _everything(snapshot) == grown


@settings(max_examples=20, deadline=None)
@given(CHANGES)
def test_a_change_that_is_taken_back_leaves_what_was_there(changes: list[tuple[Object, bool]]) -> None:
    before, _ = Snapshot.empty().apply([Event(each.key, each) for each in BASE])
    first = _everything(before)
    for change in changes:
        _everything(_apply(before, change))
    assert _everything(before) == first


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_a_change_of_endpoints_only_changes_only_the_endpoints_of_its_hosts(changes: list[tuple[Object, bool]]) -> None:
    snapshot, _ = Snapshot.empty().apply([Event(each.key, each) for each in BASE])
    for each in changes:
        before = _everything(snapshot)
        snapshot, change = snapshot.apply([_event(each)])
        if change.full:
            continue
        hosts = {host for host, _ in change.hosts}
        for old, new in zip(before, _everything(snapshot), strict=True):
            (clusters_before, found_before, names_before), (clusters_after, found_after, names_after) = old, new
            assert (clusters_after, names_after) == (clusters_before, names_before)
            differing = {name for name in found_after if found_after[name] != found_before[name]}
            assert {name.rpartition("|")[2] for name in differing} <= hosts
