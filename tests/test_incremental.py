"""What is served after any history equals generation from scratch, for every type, byte for byte; and a change costs
what depends on it: calls of generators are counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot import memo
from pilot.model.objects import Event, Object
from pilot.model.snapshot import Snapshot
from pilot.pipeline import Moment, resources_for
from pilot.resources import ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, TypeUrl
from pilot.view import node as nodes
from pilot.view.proxy import Proxy
from tests.pilot.model.meshes import objects, put
from tests.pilot.model.random_meshes import BASE, OBJECTS

CHANGES = st.lists(st.tuples(OBJECTS, st.booleans()), min_size=1, max_size=8)
ROUTES = frozenset(("80", "90", "one.a.svc.cluster.local:80", "http.80"))
NO_NAMES: frozenset[str] = frozenset()
Served = Mapping[TypeUrl, ResourceSet]
Content = dict[TypeUrl, tuple[str, dict[str, tuple[bytes, str]]]]


def proxy(kind: str, address: str, name: str, namespace: str, **labels: str) -> Proxy:
    node: dict[str, Any] = {
        "id": f"{kind}~{address}~{name}.{namespace}~{namespace}.svc.cluster.local",
        "metadata": {"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "LABELS": labels},
    }
    return nodes.parse_node(json_format.ParseDict(node, Node()), Snapshot.empty().features)


PROXIES = (
    proxy("sidecar", "10.0.0.1", "p1", "a", app="x"),
    proxy("sidecar", "10.0.0.2", "p2", "a", app="y"),
    proxy("sidecar", "10.0.0.9", "far", "b"),
    proxy("router", "10.0.0.8", "gw", "istio-system", app="x"),
)


def serve(moment: Moment, who: Proxy) -> Served:
    """Everything one proxy asks for, as the server answers it."""
    found: dict[TypeUrl, ResourceSet | None] = {}
    for type_url in (CLUSTER, LISTENER, NAME_TABLE):
        found[type_url] = asked(moment, who, type_url, NO_NAMES)
    clusters = found[CLUSTER]
    found[ENDPOINT] = asked(moment, who, ENDPOINT, frozenset(clusters or ()))
    found[ROUTE] = asked(moment, who, ROUTE, ROUTES)
    return {type_url: each for type_url, each in found.items() if each is not None}


def asked(moment: Moment, who: Proxy, type_url: TypeUrl, names: frozenset[str]) -> ResourceSet | None:
    for _ in moment.steps(who, type_url, names) or ():
        pass  # the work in pieces must not change the answer
    return moment.resources_for(who, type_url, names)


def content(served: Served) -> Content:
    return {
        type_url: (made.version, {name: (each.body, each.version) for name, each in made.resources.items()})
        for type_url, made in served.items()
    }


def from_scratch(snapshot: Snapshot, who: Proxy) -> Content:
    """Without steps, without a moment, with nothing remembered."""
    memo.clear_all()
    clusters = resources_for(snapshot, who, CLUSTER)
    names = {ENDPOINT: frozenset(clusters or ()), ROUTE: ROUTES}
    made = {
        type_url: resources_for(snapshot, who, type_url, names.get(type_url, NO_NAMES))
        for type_url in (CLUSTER, LISTENER, NAME_TABLE, ENDPOINT, ROUTE)
    }
    return content({type_url: each for type_url, each in made.items() if each is not None})


def event(changed: Object, gone: bool) -> Event:
    return Event(changed.key, None if gone else changed)


@settings(max_examples=30, deadline=None)
@given(CHANGES)
def test_served_after_any_history_is_what_would_be_made_from_scratch(changes: list[tuple[Object, bool]]) -> None:
    snapshot, _ = Snapshot.empty().apply(put(BASE))
    for who in PROXIES:
        serve(Moment(snapshot), who)
    grown: list[Content] = []
    for changed, gone in changes:
        snapshot, _ = snapshot.apply([event(changed, gone)])
        moment = Moment(snapshot)
        grown = [content(serve(moment, who)) for who in PROXIES]
    assert grown == [from_scratch(snapshot, who) for who in PROXIES]


@settings(max_examples=30, deadline=None)
@given(st.tuples(OBJECTS, st.booleans()))
def test_a_change_that_means_nothing_generates_nothing(change: tuple[Object, bool]) -> None:
    before, _ = Snapshot.empty().apply(put(BASE))
    first = [serve(Moment(before), who) for who in PROXIES]
    after, what = before.apply([event(*change)])
    second = [serve(Moment(after), who) for who in PROXIES]
    if not what:
        assert all(one[kind] is two[kind] for one, two in zip(first, second, strict=True) for kind in one)
    elif not what.full:
        kinds = (CLUSTER, LISTENER, ROUTE)
        assert all(one[kind] is two[kind] for one, two in zip(first, second, strict=True) for kind in kinds)


def calls(*modules: str) -> int:
    """Computations of memoized functions so far, of modules below these."""
    return sum(count for name, count in counted() if name.startswith(modules))


def counted() -> Iterator[tuple[str, int]]:
    for each in memo._ALL:
        if isinstance(each, memo.Memoized | memo.Latest):
            yield str(getattr(each, "__module__", "")), each.calls


def edited(snapshot: Snapshot, text: str) -> Snapshot:
    return snapshot.apply(put(objects(text)))[0]


NOT_READY = """
kind: EndpointSlice
metadata: {name: e1, namespace: a, labels: {kubernetes.io/service-name: one}}
addressType: IPv4
endpoints:
- addresses: [10.0.0.1]
  conditions: {ready: false, terminating: false}
  targetRef: {kind: Pod, name: p1, namespace: a}
- {addresses: [10.0.0.2]}
ports: [{name: http, port: 8080}]
"""
NEW_ROUTE = """
kind: VirtualService
metadata: {name: v2, namespace: a}
spec: {http: [{timeout: 3s, route: [{destination: {host: one}}]}]}
"""


def test_endpoints_alone_make_no_cluster_listener_or_route() -> None:
    snapshot, _ = Snapshot.empty().apply(put(BASE))
    for who in PROXIES:
        serve(Moment(snapshot), who)
    packages = ("pilot.generators.listeners", "pilot.generators.routes", "pilot.generators.clusters.outbound")
    before, made = calls(*packages), calls("pilot.generators.endpoints.assignment")
    moment = Moment(edited(snapshot, NOT_READY))
    for who in PROXIES:
        serve(moment, who)
    assert calls(*packages) == before
    assert calls("pilot.generators.endpoints.assignment") > made


def test_routes_alone_make_no_cluster_or_endpoint() -> None:
    snapshot, _ = Snapshot.empty().apply(put(BASE))
    first = [serve(Moment(snapshot), who) for who in PROXIES]
    packages = ("pilot.generators.clusters", "pilot.generators.endpoints")
    before = calls(*packages)
    moment = Moment(edited(snapshot, NEW_ROUTE))
    second = [serve(moment, who) for who in PROXIES]
    assert calls(*packages) == before
    assert first[0][ROUTE] is not second[0][ROUTE]
    assert all(one[CLUSTER] is two[CLUSTER] for one, two in zip(first, second, strict=True))


def test_replicas_share_every_answer_though_their_nodes_differ() -> None:
    snapshot, _ = Snapshot.empty().apply(put(BASE))
    moment = Moment(snapshot)
    one, two = (proxy("sidecar", f"10.9.0.{n}", f"new-{n}", "a", app="z") for n in (1, 2))
    assert serve(moment, one) == serve(moment, two)  # sets compare by identity
