"""Whatever happened before, listeners and routes equal those from scratch; and Envoy would refuse none of them.

Random small meshes change step by step; several proxies look at each, each asking for the routes that its listeners
name, some that nobody names, and those it asked for before.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.generators import listeners, routes
from pilot.memo import clear_all
from pilot.model.destination_rule import DestinationRule, DestinationRuleSpec, Subset
from pilot.model.gateway import Gateway, GatewaySpec, Port, Server, ServerTLSMode, ServerTLSSettings
from pilot.model.objects import Event, Object
from pilot.model.service_entry import ServiceEntry, ServiceEntryPort, ServiceEntryResolution, ServiceEntrySpec
from pilot.model.sidecar import CaptureMode, Sidecar, SidecarIngressListener, SidecarPort, SidecarSpec
from pilot.model.snapshot import Snapshot
from pilot.model.traffic_policy import ConsistentHashLB, LoadBalancerSettings, TrafficPolicy
from pilot.model.virtual_service import (
    Destination,
    FaultAbort,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPMirrorPolicy,
    HTTPRedirect,
    HTTPRoute,
    HTTPRouteDestination,
    L4MatchAttributes,
    Percent,
    PortSelector,
    RouteDestination,
    StringMatch,
    TCPRoute,
    TLSMatchAttributes,
    TLSRoute,
    VirtualService,
    VirtualServiceSpec,
)
from pilot.resources import ResourceSet
from pilot.view import build, node
from pilot.view.proxy import Proxy
from tests import recordings
from tests.pilot.model.random_meshes import BASE, HOSTS, OBJECTS, one_of

METADATA = one_of([each.metadata for each in BASE])
DESTINATIONS = st.builds(
    Destination, host=HOSTS, subset=one_of(["", "v1"]), port=one_of([None, PortSelector(80), PortSelector(90)])
)
PATHS = one_of(
    [None, StringMatch(prefix="/"), StringMatch(exact="/a"), StringMatch(regex="/b.*"), StringMatch(regex="(")]
)
CONDITIONS = st.builds(
    HTTPMatchRequest,
    uri=PATHS,
    headers=one_of([{}, {"x": StringMatch(exact="1")}]),
    port=one_of([0, 0, 80]),
    source_labels=one_of([{}, {}, {"app": "x"}, {"app": "y"}]),
    gateways=one_of([(), (), ("mesh",), ("gw",)]),
    source_namespace=one_of(["", "a"]),
)
WEIGHTED = st.builds(HTTPRouteDestination, destination=DESTINATIONS, weight=one_of([0, 1, 50]))
HTTP = st.builds(
    HTTPRoute,
    match=st.lists(CONDITIONS, max_size=2).map(tuple),
    route=st.lists(WEIGHTED, max_size=2).map(tuple),
    redirect=one_of([None, None, None, HTTPRedirect(uri="/x")]),
    direct_response=one_of([None, None, None, HTTPDirectResponse(status=503)]),
    mirrors=st.lists(st.builds(HTTPMirrorPolicy, destination=DESTINATIONS), max_size=1).map(tuple),
    fault=one_of([None, None, HTTPFaultInjection(abort=FaultAbort(http_status=500, percentage=Percent(1.0)))]),
)
TARGETS = st.lists(st.builds(RouteDestination, destination=DESTINATIONS, weight=one_of([0, 1, 50])), max_size=2).map(
    tuple
)
TCP = st.builds(
    TCPRoute,
    match=st.lists(
        st.builds(
            L4MatchAttributes,
            port=one_of([0, 90]),
            destination_subnets=one_of([(), ("10.1.0.0/16",), ("240.1.1.1",)]),
            gateways=one_of([(), ("mesh",), ("gw",)]),
            source_labels=one_of([{}, {"app": "x"}]),
        ),
        max_size=2,
    ).map(tuple),
    route=TARGETS,
)
TLS = st.builds(
    TLSRoute,
    match=st.lists(
        st.builds(
            TLSMatchAttributes,
            sni_hosts=st.lists(HOSTS, min_size=1, max_size=2).map(tuple),
            port=one_of([0, 443]),
            gateways=one_of([(), ("gw",)]),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    route=TARGETS,
)
VIRTUAL_SERVICES = st.builds(
    VirtualService,
    metadata=METADATA,
    spec=st.builds(
        VirtualServiceSpec,
        hosts=st.lists(HOSTS, min_size=1, max_size=2).map(tuple),
        gateways=one_of([(), ("mesh",), ("gw",), ("mesh", "a/gw")]),
        http=st.lists(HTTP, max_size=2).map(tuple),
        tcp=st.lists(TCP, max_size=1).map(tuple),
        tls=st.lists(TLS, max_size=1).map(tuple),
    ),
)
SIMPLE = ServerTLSSettings(mode=ServerTLSMode.SIMPLE, credential_name="c")
SERVERS = st.builds(
    Server,
    port=one_of(
        [Port(80, "HTTP", "http"), Port(80, "GRPC", "grpc"), Port(80, "TCP", "tcp"), Port(443, "HTTPS", "a"),
         Port(443, "HTTPS", "b"), Port(443, "TLS", "tls"), Port(90, "TCP", "bytes")]
    ),
    bind=one_of(["", "", "10.0.0.8"]),
    hosts=st.lists(HOSTS, min_size=1, max_size=2).map(tuple),
    tls=one_of(
        [None, SIMPLE, ServerTLSSettings(https_redirect=True), ServerTLSSettings(mode=ServerTLSMode.PASSTHROUGH),
         ServerTLSSettings(mode=ServerTLSMode.AUTO_PASSTHROUGH)]
    ),
)  # fmt: skip
GATEWAYS = st.builds(
    Gateway,
    metadata=METADATA,
    spec=st.builds(
        GatewaySpec,
        servers=st.lists(SERVERS, min_size=1, max_size=3).map(tuple),
        selector=one_of([{}, {"app": "x"}]),
    ),
)
INGRESS = st.builds(
    SidecarIngressListener,
    port=one_of([SidecarPort(8080, "HTTP", "h"), SidecarPort(90, "TCP", "t")]),
    bind=one_of(["", "10.0.0.1"]),
    capture_mode=one_of(list(CaptureMode)),
    default_endpoint=st.just("127.0.0.1:8080"),
)
SIDECARS = st.builds(
    Sidecar, metadata=METADATA, spec=st.builds(SidecarSpec, ingress=st.lists(INGRESS, max_size=2).map(tuple))
)
PORTS = one_of(
    [ServiceEntryPort(80, "HTTP", "http"), ServiceEntryPort(80, "", "any"), ServiceEntryPort(80, "TCP", "t"),
     ServiceEntryPort(90, "TCP", "tcp"), ServiceEntryPort(443, "TLS", "tls"), ServiceEntryPort(443, "HTTPS", "https")]
)  # fmt: skip
ENTRIES = st.builds(
    ServiceEntry,
    metadata=METADATA,
    spec=st.builds(
        ServiceEntrySpec,
        hosts=st.lists(HOSTS.filter(lambda host: "." in host), min_size=1, max_size=2, unique=True).map(tuple),
        addresses=one_of([(), ("240.1.1.1",), ("240.1.1.1", "240.2.0.0/16")]),
        ports=st.lists(PORTS, min_size=1, max_size=3, unique_by=lambda port: port.name).map(tuple),
        resolution=one_of([ServiceEntryResolution.NONE, ServiceEntryResolution.DNS, ServiceEntryResolution.STATIC]),
    ),
)
STICKY = TrafficPolicy(load_balancer=LoadBalancerSettings(consistent_hash=ConsistentHashLB(http_header_name="x")))
RULES = st.builds(
    DestinationRule,
    metadata=METADATA,
    spec=st.builds(
        DestinationRuleSpec,
        host=HOSTS,
        traffic_policy=one_of([None, STICKY]),
        subsets=one_of([(), (Subset(name="v1"),), (Subset(name="v1", traffic_policy=STICKY),)]),
    ),
)
CHANGED = st.one_of(OBJECTS, VIRTUAL_SERVICES, GATEWAYS, SIDECARS, ENTRIES, RULES)
CHANGES = st.lists(st.tuples(CHANGED, st.booleans()), min_size=1, max_size=12)


def _proxy(identifier: str, **metadata: Any) -> Proxy:
    said = {"CLUSTER_ID": "Kubernetes", "LABELS": {"app": "x"}, **metadata}
    return node.parse_node(
        json_format.ParseDict({"id": identifier, "metadata": said}, Node()), Snapshot.empty().features
    )


PROXIES: Sequence[Proxy] = (
    _proxy("sidecar~10.0.0.1~p1.a~a.svc.cluster.local", NAMESPACE="a"),
    _proxy("sidecar~10.0.0.2~p2.a~a.svc.cluster.local", NAMESPACE="a", LABELS={"app": "y"}),
    _proxy("sidecar~10.0.0.9~far.b~b.svc.cluster.local", NAMESPACE="b", INTERCEPTION_MODE="NONE"),
    _proxy("router~10.0.0.8~gw.a~a.svc.cluster.local", NAMESPACE="a"),
)
UNASKED = ("80", "90", "http.80", "one.a.svc.cluster.local:80", "http_proxy", "nonsense")

Content = dict[str, tuple[bytes, str]]


def _made(snapshot: Snapshot) -> list[tuple[ResourceSet, ResourceSet]]:
    """Listeners of each proxy, and routes: those that they name, and others."""
    found = []
    for proxy in PROXIES:
        view = build.build(snapshot, proxy)
        served = listeners.build(view)
        asked = frozenset((*_route_names(recordings.as_json(served)), *UNASKED))
        found.append((served, routes.build(view, asked)))
        assert set(found[-1][1]) == asked
    return found


def _route_names(value: Any) -> Iterator[str]:
    return recordings.names_in(value, "routeConfigName")


def _everything(snapshot: Snapshot) -> list[tuple[Content, Content]]:
    return [(_content(served), _content(routed)) for served, routed in _made(snapshot)]


def _content(made: ResourceSet) -> Content:
    return {name: (each.body, each.version) for name, each in made.resources.items()}


def _base() -> Snapshot:
    return Snapshot.empty().apply([Event(each.key, each) for each in BASE])[0]


def _apply(snapshot: Snapshot, change: tuple[Object, bool]) -> Snapshot:
    changed, gone = change
    return snapshot.apply([Event(changed.key, None if gone else changed)])[0]


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_generation_after_any_history_equals_generation_from_scratch(changes: list[tuple[Object, bool]]) -> None:
    snapshot = _base()
    grown = _everything(snapshot)
    for change in changes:
        snapshot = _apply(snapshot, change)
        grown = _everything(snapshot)
    clear_all()
    assert _everything(snapshot) == grown


@settings(max_examples=20, deadline=None)
@given(CHANGES)
def test_a_change_that_is_taken_back_leaves_what_was_there(changes: list[tuple[Object, bool]]) -> None:
    before = _base()
    first = _everything(before)
    for change in changes:
        _everything(_apply(before, change))
    assert _everything(before) == first


@settings(max_examples=80, deadline=None)
@given(CHANGES)
def test_no_mesh_makes_what_a_proxy_would_refuse(changes: list[tuple[Object, bool]]) -> None:
    snapshot = _base()
    for change in changes:
        snapshot = _apply(snapshot, change)
    for served, routed in _made(snapshot):
        made = recordings.as_json(served)
        places = [str(place["socketAddress"]) for listener in made.values() for place in _addresses(listener)]
        assert len(places) == len(set(places))
        for listener in made.values():
            _check_chains(listener)
        for configuration in recordings.as_json(routed).values():
            _check_hosts(configuration)


def _addresses(listener: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield listener["address"]
    for each in listener.get("additionalAddresses", []):
        yield each["address"]


def _check_chains(listener: Mapping[str, Any]) -> None:
    """No condition is there twice: Envoy refuses the listener."""
    chains = listener.get("filterChains", [])
    assert chains or "defaultFilterChain" in listener
    taken = [each for chain in chains for each in _conditions(chain.get("filterChainMatch", {}))]
    assert len(taken) == len(set(taken))


def _conditions(match: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    ranges = [(each["addressPrefix"], each.get("prefixLen", 0)) for each in match.get("prefixRanges", [])]
    for place in ranges or [("", 0)]:
        for name in match.get("serverNames") or [""]:
            assert "*" not in name[1:]
            assert name != "*"
            for protocol in match.get("applicationProtocols") or [""]:
                yield match.get("destinationPort"), place, name, match.get("transportProtocol"), protocol


def _check_hosts(configuration: Mapping[str, Any]) -> None:
    """No name and no domain is there twice: Envoy refuses the configuration."""
    hosts = configuration.get("virtualHosts", [])
    names = [each["name"] for each in hosts]
    domains = [domain.lower() for each in hosts for domain in each["domains"]]
    assert len(names) == len(set(names))
    assert len(domains) == len(set(domains))
    for host in hosts:
        assert host["domains"]
        for route in host.get("routes", []):
            weights = route.get("route", {}).get("weightedClusters", {}).get("clusters")
            assert weights is None or sum(each.get("weight", 0) for each in weights) > 0
