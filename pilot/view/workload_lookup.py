"""Finds the workload behind a proxy.

In: a snapshot and a `Proxy`. Out: a `Workload`, the same object for replicas of which nothing differs that matters.
Source: xDS behaviour 1.4 (locality and labels), 2.10 (service targets), 7.5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.memo import latest, memoized
from pilot.model import locality, mcs
from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import DestinationRules, select_inbound
from pilot.model.interning import Interner, same_mapping, same_tuple
from pilot.model.mesh_settings import MeshSettings
from pilot.model.peer_authentications import InboundMtls, PeerAuthentications
from pilot.model.selected_endpoints import may_serve, target_port
from pilot.model.service import Hostname, PortProtocol
from pilot.model.service_index import Selecting
from pilot.model.snapshot import Snapshot
from pilot.model.workloads import TEST_VM, WorkloadInstance, WorkloadKind
from pilot.view.listed_targets import listed_targets
from pilot.view.mentions import PER_INSTANCE, Mentions, mentions_of
from pilot.view.proxy import Proxy
from pilot.view.workload import ServiceTarget, Workload, service_target

_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_WORKLOADS: Interner[Workload] = Interner(16384)
_LABELS: Interner[Mapping[str, str]] = Interner(16384)
_PROXIES = 8192
"""Arbitrary: connected proxies of which the last answer is remembered, more than one process serves."""


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """What the registry knows of a proxy, completed by what it says of itself; the same object for the same facts."""

    labels: Mapping[str, str]
    """All of them, with topology labels."""
    locality: str
    instances: tuple[WorkloadInstance, ...]
    """The workloads it stands for."""
    node: str
    workload_name: str


def identify(snapshot: Snapshot, proxy: Proxy) -> Identified:
    """The Pod or WorkloadEntry that a proxy names, else the entries at its address, else what it says of itself."""
    name, _, namespace = proxy.id.rpartition(".")
    snapshot = snapshot.registry_of(proxy.traits.cluster_id)
    pod = snapshot.workloads.pod(namespace, name) or _pod_by_address(snapshot, proxy)
    return _identified(proxy, pod, () if pod else _entries(snapshot, proxy))


def workload_of(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Workload:
    """The workload behind a proxy that was identified."""
    namespace = proxy.traits.namespace
    registry = snapshot.registry_of(proxy.traits.cluster_id)
    selecting = registry.service_index.selecting
    targets = _targets(
        identified,
        snapshot.settings,
        listed_targets(registry, identified.instances),
        *(selecting.get(each.namespace) for each in identified.instances),
    )
    return _workload(
        proxy,
        identified,
        targets,
        _mtls(identified, snapshot.peer_authentications, namespace),
        _inbound_rules(targets, snapshot.rules, namespace),
        mentions_of(snapshot),
    )


@memoized(size=_PROXIES)
def _identified(proxy: Proxy, pod: WorkloadInstance | None, entries: tuple[WorkloadInstance, ...]) -> Identified:
    named = pod or next((each for each in entries if f"{each.name}.{each.namespace}" == proxy.id), None)
    declared = named.endpoint_labels if named and TEST_VM not in proxy.labels else proxy.labels
    labels = {**proxy.static_labels, **declared}
    where = locality.locality_of_proxy(labels, proxy.locality)
    node = proxy.node_name or (named.node if named else "")
    complete = locality.add_topology(
        labels, locality=where, cluster_id=proxy.traits.cluster_id, network=proxy.traits.network, node=node
    )
    instances = (pod,) if pod else entries or (_from_node(proxy),)
    return Identified(complete, where, instances, node, named.workload if named else "")


def _pod_by_address(snapshot: Snapshot, proxy: Proxy) -> WorkloadInstance | None:
    if not snapshot.features.find_pod_by_ip:
        return None
    pods = (each for ip in proxy.ip_addresses for each in snapshot.workloads.at(ip))
    return next((each for each in pods if each.is_pod and not each.host_network), None)


def _entries(snapshot: Snapshot, proxy: Proxy) -> tuple[WorkloadInstance, ...]:
    """WorkloadEntries of the proxy's namespace at its addresses."""
    found = (each for ip in proxy.ip_addresses for each in snapshot.workloads.at(ip))
    return tuple(each for each in found if not each.is_pod and each.namespace == proxy.traits.namespace)


def _from_node(proxy: Proxy) -> WorkloadInstance:
    """A proxy that the registry does not know stands for what it says of itself."""
    return WorkloadInstance(
        kind=WorkloadKind.POD,
        namespace=proxy.traits.namespace,
        name=proxy.id,
        addresses=proxy.ip_addresses,
        labels=proxy.labels,
        endpoint_labels=proxy.labels,
        ports={name: port for name, port in proxy.pod_ports if name},
    )


@latest(size=_PROXIES)
def _targets(
    identified: Identified, settings: MeshSettings, listed: tuple[ServiceTarget, ...], *selecting: Selecting | None
) -> tuple[ServiceTarget, ...]:
    """All service ports that end at the workloads, the first for each port of a host."""
    found: dict[tuple[Hostname, int, bool], ServiceTarget] = {}
    for instance, index in zip(identified.instances, selecting, strict=True):
        for each in _selected(instance, index, settings) if index else ():
            found.setdefault(_port_of(each), each)
    for each in listed:
        found.setdefault(_port_of(each), each)
    counting = (each for each in found.values() if not mcs.is_of_all(each.service))
    ordered = sorted(counting, key=lambda each: (each.service.created, each.service.hostname))
    return same_tuple(tuple(ordered))


def _port_of(target: ServiceTarget) -> tuple[Hostname, int, bool]:
    """A number is one port for connections and another for datagrams."""
    return target.service.hostname, target.port.number, target.port.protocol is PortProtocol.UDP


def _selected(instance: WorkloadInstance, selecting: Selecting, settings: MeshSettings) -> Iterator[ServiceTarget]:
    """Ports of the services whose selector finds the workload; a port of it that two lead to counts once a service."""
    for services in selecting.matching(instance.labels):
        for service in services:
            if not may_serve(service, instance, settings):
                continue
            taken: set[tuple[int, PortProtocol]] = set()
            for port in service.ports:
                number = target_port(service, port, instance)
                if number is None or (number, port.protocol) in taken:
                    continue
                taken.add((number, port.protocol))
                yield service_target(service, port, number)


@latest(size=_PROXIES)
def _mtls(identified: Identified, policies: PeerAuthentications, namespace: str) -> InboundMtls:
    return policies.workload_mtls(namespace, identified.labels)


@memoized(size=_PROXIES)
def _inbound_rules(
    targets: tuple[ServiceTarget, ...], rules: DestinationRules, namespace: str
) -> Mapping[Hostname, MergedRule]:
    found: dict[Hostname, MergedRule] = {}
    for each in targets:
        rule = select_inbound(rules.find(namespace, each.service.hostname, each.service.namespace))
        if rule is not None:
            found[each.service.hostname] = rule
    return same_mapping(found)


@latest(size=_PROXIES)
def _workload(
    proxy: Proxy,
    identified: Identified,
    targets: tuple[ServiceTarget, ...],
    mtls: InboundMtls,
    rules: Mapping[Hostname, MergedRule],
    mentions: Mentions,
) -> Workload:
    labels = _shared_labels(identified.labels, mentions)
    made = Workload(
        namespace=proxy.traits.namespace,
        labels=labels,
        locality=identified.locality,
        network=proxy.traits.network,
        targets=targets,
        mtls=mtls,
        canonical_name=_first(labels, _NAMES) or identified.workload_name,
        canonical_revision=_first(labels, _REVISIONS) or "latest",
        node=proxy.node_name if mentions.node else "",
        rules=rules,
    )
    key = (made.namespace, id(labels), made.locality, made.network, id(targets), id(mtls), id(rules))
    return _WORKLOADS.same((*key, made.canonical_name, made.node), made)


def _shared_labels(labels: Mapping[str, str], mentions: Mentions) -> Mapping[str, str]:
    """The labels without those that tell replicas apart and mean nothing to anybody."""
    dropped = PER_INSTANCE - mentions.labels
    kept = {key: value for key, value in sorted(labels.items()) if key not in dropped}
    return _LABELS.same(tuple(kept.items()), kept)


def _first(labels: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
