"""Random small meshes and changes of them: few names, so that objects meet."""

from typing import Any

from hypothesis import strategies as st

from pilot.model.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    AuthorizationPolicySpec,
    Condition,
    Operation,
    Rule,
    To,
)
from pilot.model.destination_rule import DestinationRule, DestinationRuleSpec, Subset
from pilot.model.gateway import Gateway, GatewaySpec, Port, Server
from pilot.model.key_sets import KeySource, key_set
from pilot.model.kubernetes import (
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    KubernetesService,
    KubernetesServicePort,
    KubernetesServiceSpec,
    Namespace,
    Node,
    ObjectReference,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    SliceEndpoint,
    SlicePort,
)
from pilot.model.objects import Event, Metadata, Object, ObjectKey
from pilot.model.peer_authentication import MtlsMode, MutualTLS, PeerAuthentication, PeerAuthenticationSpec
from pilot.model.request_authentication import JwtRule, RequestAuthentication, RequestAuthenticationSpec
from pilot.model.selectors import WorkloadLabels, WorkloadSelector
from pilot.model.service_entry import (
    ServiceEntry,
    ServiceEntryPort,
    ServiceEntryResolution,
    ServiceEntrySpec,
)
from pilot.model.sidecar import Sidecar, SidecarEgressListener, SidecarPort, SidecarSpec
from pilot.model.virtual_service import (
    Delegate,
    Destination,
    HTTPRoute,
    HTTPRouteDestination,
    PortSelector,
    VirtualService,
    VirtualServiceSpec,
)
from pilot.model.workload_entry import StatusCondition, WorkloadEntry, WorkloadEntrySpec, WorkloadEntryStatus
from tests.pilot.model.meshes import objects

one_of = st.sampled_from
NAMESPACES = one_of(["a", "a", "a", "b", "istio-system"])
APPS = one_of([{}, {"app": "x"}, {"app": "y"}, {"app": "x", "version": "v1"}])
ADDRESSES = one_of(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
HOSTS = one_of(["one", "one.a.svc.cluster.local", "two.b.svc.cluster.local", "ext.com", "*.com", "*"])
EXPORTS = one_of([(), ("*",), (".",), ("b",), ("~",)])
CREATED = one_of(["", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"])


def _metadata(name: Any, labels: Any = None, annotations: Any = None, namespace: Any = NAMESPACES) -> Any:
    return st.builds(
        Metadata,
        name=one_of(name) if isinstance(name, list) else name,
        namespace=namespace,
        labels=st.just({}) if labels is None else labels,
        annotations=st.just({}) if annotations is None else annotations,
        creation_timestamp=CREATED,
    )


SERVICE_PORTS = one_of(
    [
        (KubernetesServicePort(name="http", port=80, target_port=8080),),
        (KubernetesServicePort(name="http", port=80), KubernetesServicePort(name="tcp", port=90, target_port="raw")),
    ]
)
SERVICES = st.builds(
    KubernetesService,
    metadata=_metadata(
        ["one", "two"],
        one_of([{}, {"istio.io/persistent-session": "x"}]),
        one_of([{}, {"networking.istio.io/exportTo": "."}, {"networking.istio.io/exportTo": "b"}]),
    ),
    spec=st.one_of(
        st.builds(
            KubernetesServiceSpec,
            ports=SERVICE_PORTS,
            selector=APPS,
            cluster_ip=one_of(["", "None", "10.1.0.1"]),
            publish_not_ready_addresses=st.booleans(),
        ),
        st.just(KubernetesServiceSpec(type="ExternalName", external_name="one.a.svc.cluster.local")),
    ),
)
PODS = st.builds(
    Pod,
    metadata=_metadata(["p1", "p2", "p3"], APPS),
    spec=st.builds(PodSpec, service_account_name=one_of(["", "sa"]), node_name=one_of(["", "n1"])),
    status=st.builds(
        PodStatus,
        phase=one_of(["Running", "Pending", "Failed"]),
        pod_ip=st.one_of(st.just(""), ADDRESSES),
        conditions=one_of([(), (PodCondition("Ready", "True"),), (PodCondition("Ready", "False"),)]),
    ),
)
TARGETS = st.one_of(
    st.none(), st.builds(ObjectReference, kind=one_of(["Pod", "Node"]), name=one_of(["p1", "p2"]), namespace=NAMESPACES)
)
SLICES = st.builds(
    EndpointSlice,
    metadata=_metadata(["e1", "e2"], one_of([{"kubernetes.io/service-name": name} for name in ("one", "two")] + [{}])),
    address_type=one_of(["IPv4", "IPv6", "FQDN"]),
    endpoints=st.lists(
        st.builds(
            SliceEndpoint,
            addresses=st.tuples(ADDRESSES),
            conditions=st.builds(
                EndpointConditions,
                ready=one_of([None, True, False]),
                serving=one_of([None, False]),
                terminating=one_of([None, False]),
            ),
            target_ref=TARGETS,
        ),
        max_size=2,
    ).map(tuple),
    ports=one_of([(SlicePort(name="http", port=8080),), (SlicePort(name="http", port=8080), SlicePort(name="tcp"))]),
)
CORE_ENDPOINTS = st.builds(
    Endpoints,
    metadata=_metadata(["one", "two"]),
    subsets=st.tuples(
        st.builds(
            EndpointSubset,
            addresses=st.tuples(st.builds(EndpointAddress, ip=ADDRESSES, target_ref=TARGETS)),
            ports=st.just((EndpointPort(name="http", port=8080),)),
        )
    ),
)
WORKLOAD_SPECS = st.builds(
    WorkloadEntrySpec,
    address=st.one_of(ADDRESSES, one_of(["vm.example.com", "unix:///x"])),
    labels=APPS,
    ports=one_of([{}, {"http": 9}]),
    network=one_of(["", "n"]),
    service_account=one_of(["", "vm"]),
)
WORKLOAD_ENTRIES = st.builds(
    WorkloadEntry,
    metadata=_metadata(["w1", "w2"], None, one_of([{}, {"proxy.istio.io/health-checks-enabled": "true"}])),
    spec=WORKLOAD_SPECS,
    status=one_of([WorkloadEntryStatus(), WorkloadEntryStatus((StatusCondition("Healthy", "True"),))]),
)
SERVICE_ENTRIES = st.builds(
    ServiceEntry,
    metadata=_metadata(["se1", "se2"]),
    spec=st.builds(
        ServiceEntrySpec,
        hosts=st.lists(HOSTS.filter(lambda host: "." in host), min_size=1, max_size=2, unique=True).map(tuple),
        addresses=one_of([(), ("240.1.1.1",), ("240.1.1.1", "240.2.0.0/16")]),
        ports=one_of([(ServiceEntryPort(80, "HTTP", "http"),), (ServiceEntryPort(90, "TCP", "tcp", 91),)]),
        resolution=one_of(list(ServiceEntryResolution)),
        endpoints=st.lists(WORKLOAD_SPECS, max_size=1).map(tuple),
        workload_selector=st.one_of(st.none(), st.builds(WorkloadLabels, labels=APPS)),
        export_to=EXPORTS,
    ),
)
DESTINATIONS = st.builds(Destination, host=HOSTS, port=st.one_of(st.none(), st.just(PortSelector(80))))
ROUTES = st.one_of(
    st.builds(HTTPRoute, route=st.tuples(st.builds(HTTPRouteDestination, destination=DESTINATIONS))),
    st.builds(HTTPRoute, delegate=st.builds(Delegate, name=one_of(["v1", "v2"]), namespace=one_of(["", "a"]))),
)
VIRTUAL_SERVICES = st.builds(
    VirtualService,
    metadata=_metadata(["v1", "v2"]),
    spec=st.builds(
        VirtualServiceSpec,
        hosts=st.lists(HOSTS, max_size=1).map(tuple),
        gateways=one_of([(), ("mesh",), ("gw",), ("mesh", "a/gw")]),
        http=st.lists(ROUTES, max_size=2).map(tuple),
        export_to=EXPORTS,
    ),
)
RULES = st.builds(
    DestinationRule,
    metadata=_metadata(["d1", "d2", "d3"]),
    spec=st.builds(
        DestinationRuleSpec,
        host=HOSTS,
        subsets=st.lists(st.builds(Subset, name=one_of(["v1", "v2"])), max_size=2).map(tuple),
        export_to=EXPORTS,
        workload_selector=st.one_of(st.none(), st.builds(WorkloadSelector, match_labels=APPS)),
    ),
)
SIDECARS = st.builds(
    Sidecar,
    metadata=_metadata(["sc1", "sc2"]),
    spec=st.builds(
        SidecarSpec,
        workload_selector=st.one_of(st.none(), st.builds(WorkloadLabels, labels=APPS)),
        egress=st.lists(
            st.builds(
                SidecarEgressListener,
                port=st.one_of(st.none(), st.just(SidecarPort(80, "HTTP", "http"))),
                hosts=st.lists(one_of(["./*", "*/*", "a/*", "*/*.com", "b/two.b.svc.cluster.local"]), max_size=2).map(
                    tuple
                ),
            ),
            max_size=2,
        ).map(tuple),
    ),
)
MODES = st.builds(MutualTLS, mode=one_of(list(MtlsMode)))
POLICIES = st.builds(
    PeerAuthentication,
    metadata=_metadata(["pa1", "pa2"]),
    spec=st.builds(
        PeerAuthenticationSpec,
        selector=st.one_of(st.none(), st.builds(WorkloadSelector, match_labels=APPS)),
        mtls=st.one_of(st.none(), MODES),
        port_level_mtls=st.dictionaries(one_of(["8080", "90"]), MODES, max_size=1),
    ),
)
SELECTORS = st.one_of(st.none(), st.builds(WorkloadSelector, match_labels=APPS))
PLACES = one_of(["a", "b", "istio-system"])
AUTHORIZATIONS = st.builds(
    AuthorizationPolicy,
    metadata=_metadata(["ap1", "ap2"], annotations=one_of([{}, {"istio.io/dry-run": "true"}]), namespace=PLACES),
    spec=st.builds(
        AuthorizationPolicySpec,
        selector=SELECTORS,
        action=one_of(list(AuthorizationAction)),
        rules=one_of(
            [
                (),
                (Rule(),),
                (Rule(to=(To(Operation(methods=("GET",))),)),),
                (Rule(when=(Condition("source.ip", ("nowhere",)),)),),
            ]
        ),
    ),
)
KEYS_AT = KeySource("https://issuer/keys")
TOKENS = st.builds(
    RequestAuthentication,
    metadata=_metadata(["ra1", "ra2"], namespace=PLACES),
    spec=st.builds(
        RequestAuthenticationSpec,
        selector=SELECTORS,
        jwt_rules=one_of([(), (JwtRule("i", jwks_uri=KEYS_AT.url),), (JwtRule("h", jwks='{"keys":[{"kty":"EC"}]}'),)]),
    ),
)
KEYS = st.builds(key_set, st.just(KEYS_AT), one_of(["", "k1", "k2"]), one_of(["", "no answer"]))
GATEWAYS = st.builds(
    Gateway,
    metadata=_metadata(["gw"]),
    spec=st.builds(
        GatewaySpec,
        servers=st.tuples(st.builds(Server, port=st.just(Port(80, "HTTP", "http")), hosts=st.tuples(HOSTS))),
        selector=APPS,
    ),
)
NAMESPACE_OBJECTS = st.builds(
    Namespace,
    metadata=_metadata(
        ["a", "b", "istio-system"],
        one_of([{}, {"mesh": "in"}, {"topology.istio.io/network": "n"}]),
        namespace=st.just(""),
    ),
)
NODES = st.builds(
    Node,
    metadata=_metadata(["n1"], one_of([{}, {"topology.kubernetes.io/region": "r"}]), namespace=st.just("")),
)
OBJECTS: st.SearchStrategy[Object] = st.one_of(
    SERVICES,
    PODS,
    SLICES,
    CORE_ENDPOINTS,
    WORKLOAD_ENTRIES,
    SERVICE_ENTRIES,
    VIRTUAL_SERVICES,
    RULES,
    SIDECARS,
    POLICIES,
    AUTHORIZATIONS,
    TOKENS,
    KEYS,
    GATEWAYS,
    NAMESPACE_OBJECTS,
    NODES,
)


BASE = objects(
    """
kind: Service
metadata: {name: one, namespace: a}
spec: {clusterIP: 10.1.0.1, selector: {app: x}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: Service
metadata: {name: two, namespace: b}
spec: {selector: {app: y}, ports: [{name: http, port: 80}]}
---
kind: Pod
metadata: {name: p1, namespace: a, labels: {app: x}}
spec: {serviceAccountName: sa, nodeName: n1}
status: {phase: Running, podIP: 10.0.0.1}
---
kind: Pod
metadata: {name: p2, namespace: a, labels: {app: y}}
status: {phase: Running, podIP: 10.0.0.2}
---
kind: EndpointSlice
metadata: {name: e1, namespace: a, labels: {kubernetes.io/service-name: one}}
addressType: IPv4
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: p1, namespace: a}}
- {addresses: [10.0.0.2]}
ports: [{name: http, port: 8080}]
---
kind: EndpointSlice
metadata: {name: e2, namespace: a, labels: {kubernetes.io/service-name: one}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.2], targetRef: {kind: Pod, name: p2}}]
ports: [{name: http, port: 8081}]
---
kind: ServiceEntry
metadata: {name: se1, namespace: a}
spec:
  hosts: [ext.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: x}}
---
kind: WorkloadEntry
metadata: {name: w1, namespace: a}
spec: {address: 10.0.0.3, labels: {app: x}, serviceAccount: vm}
---
kind: VirtualService
metadata: {name: v1, namespace: a}
spec: {hosts: [one], http: [{delegate: {name: v2}}]}
---
kind: VirtualService
metadata: {name: v2, namespace: a}
spec: {http: [{route: [{destination: {host: one}}]}]}
---
kind: DestinationRule
metadata: {name: d1, namespace: a}
spec: {host: one, subsets: [{name: v1}]}
"""
)
"""Objects that belong together, so that most changes meet something."""


def _event(item: Object, gone: bool) -> Event:
    return Event(ObjectKey(item.KIND, item.namespace, item.name), None if gone else item)


def _batches(base: list[Object], changes: list[list[Event]]) -> list[list[Event]]:
    return [[_event(each, False) for each in base], *changes] if base else changes


RANDOM = st.builds(_event, OBJECTS, one_of([False, False, False, True]))
KNOWN = st.builds(_event, one_of(BASE), st.booleans())
CHANGES = st.lists(st.lists(st.one_of(RANDOM, KNOWN), min_size=1, max_size=4), min_size=1, max_size=10)
BATCHES = st.builds(_batches, st.lists(one_of(BASE), unique_by=lambda each: each.key, max_size=len(BASE)), CHANGES)
