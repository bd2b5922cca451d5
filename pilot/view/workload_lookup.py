"""Finds the workload behind a proxy.

In: a snapshot and a `Proxy`. Out: a `Workload`, the same object for replicas of which nothing differs that matters.
Source: xDS behaviour 1.4 (locality and labels), 2.10 (service targets), 7.5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model import locality
from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import DestinationRules, select_inbound
from pilot.model.interning import Interner, same_mapping, same_tuple
from pilot.model.selected_endpoints import may_serve, target_port
from pilot.model.service import Hostname, PortProtocol, Service, ServicePort
from pilot.model.snapshot import Snapshot
from pilot.model.workloads import TEST_VM, WorkloadInstance, WorkloadKind
from pilot.view.listed_targets import listed_targets
from pilot.view.mentions import PER_INSTANCE, mentioned_labels, prefers_node
from pilot.view.proxy import Proxy
from pilot.view.workload import ServiceTarget, Workload

_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_WORKLOADS: Interner[Workload] = Interner(16384)
_LABELS: Interner[Mapping[str, str]] = Interner(16384)


@dataclass(frozen=True, slots=True)
class Identified:
    """What the registry knows of a proxy, completed by what it says of itself."""

    labels: Mapping[str, str]
    """All of them, with topology labels."""
    locality: str
    instances: tuple[WorkloadInstance, ...]
    """The workloads it stands for."""
    node: str
    workload_name: str


def identify(snapshot: Snapshot, proxy: Proxy) -> Identified:
    """The Pod or WorkloadEntry that a proxy names, else the entries at its address, else what it says of itself."""
    namespace = proxy.traits.namespace
    name, _, own_namespace = proxy.id.rpartition(".")
    known = snapshot.workloads.pod(own_namespace, name) or _pod_by_address(snapshot, proxy)
    entries = _entries(snapshot, proxy)
    named = known or next((each for each in entries if each.name == name), None)
    instances = (known,) if known else entries or (_from_node(proxy, namespace),)
    declared = named.endpoint_labels if named and TEST_VM not in proxy.labels else proxy.labels
    labels = {**proxy.static_labels, **declared}
    where = locality.locality_of_proxy(labels, proxy.locality)
    node = proxy.node_name or (named.node if named else "")
    complete = locality.add_topology(
        labels, locality=where, cluster_id=proxy.traits.cluster_id, network=proxy.traits.network, node=node
    )
    return Identified(complete, where, instances, node, named.workload if named else "")


def workload_of(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Workload:
    """The workload behind a proxy that was identified."""
    traits, labels = proxy.traits, identified.labels
    targets = _targets(snapshot, proxy, identified.instances)
    mtls = snapshot.peer_authentications.workload_mtls(traits.namespace, labels)
    kept = _shared_labels(snapshot, labels)
    node = identified.node if prefers_node(snapshot.services) else ""
    rules = _inbound_rules(targets, snapshot.rules, traits.namespace)
    key = (
        traits.namespace,
        id(kept),
        identified.locality,
        traits.network,
        id(targets),
        id(mtls),
        node,
        id(rules),
        identified.workload_name,
    )
    return _WORKLOADS.same(
        key,
        Workload(
            namespace=traits.namespace,
            labels=kept,
            locality=identified.locality,
            network=traits.network,
            targets=targets,
            mtls=mtls,
            canonical_name=_first(labels, _NAMES) or identified.workload_name,
            canonical_revision=_first(labels, _REVISIONS) or "latest",
            node=node,
            rules=rules,
            workload_name=identified.workload_name,
        ),
    )


def _pod_by_address(snapshot: Snapshot, proxy: Proxy) -> WorkloadInstance | None:
    if not snapshot.features.find_pod_by_ip:
        return None
    pods = (each for ip in proxy.ip_addresses for each in snapshot.workloads.at(ip))
    return next((each for each in pods if each.is_pod and not each.host_network), None)


def _entries(snapshot: Snapshot, proxy: Proxy) -> tuple[WorkloadInstance, ...]:
    """WorkloadEntries of the proxy's namespace at its addresses."""
    found = (each for ip in proxy.ip_addresses for each in snapshot.workloads.at(ip))
    return tuple(each for each in found if not each.is_pod and each.namespace == proxy.traits.namespace)


def _from_node(proxy: Proxy, namespace: str) -> WorkloadInstance:
    """A proxy that the registry does not know stands for what it says of itself."""
    return WorkloadInstance(
        kind=WorkloadKind.POD,
        namespace=namespace,
        name=proxy.id,
        addresses=proxy.ip_addresses,
        labels=proxy.labels,
        endpoint_labels=proxy.labels,
        ports={name: port for name, port in proxy.pod_ports if name},
    )


def _targets(snapshot: Snapshot, proxy: Proxy, instances: tuple[WorkloadInstance, ...]) -> tuple[ServiceTarget, ...]:
    found: dict[tuple[Hostname, int], ServiceTarget] = {}
    for instance in instances:
        for service, port, number in (*_selected(snapshot, instance), *listed_targets(snapshot, instance, proxy)):
            found.setdefault((service.hostname, port.number), _target(service, port, number))
    ordered = sorted(found.values(), key=lambda each: (each.service.created, each.service.hostname))
    return same_tuple(tuple(ordered))


def _selected(snapshot: Snapshot, instance: WorkloadInstance) -> Iterator[tuple[Service, ServicePort, int]]:
    """Ports of the services whose selector finds the workload; a port of it that two lead to counts once a service."""
    for services in snapshot.service_index.selecting_labels(instance.namespace, instance.labels):
        for service in services:
            if not may_serve(service, instance, snapshot.settings):
                continue
            taken: set[tuple[int, PortProtocol]] = set()
            for port in service.ports:
                number = target_port(service, port, instance)
                if number is None or (number, port.protocol) in taken:
                    continue
                taken.add((number, port.protocol))
                yield service, port, number


@memoized(size=65536)
def _target(service: Service, port: ServicePort, number: int) -> ServiceTarget:
    return ServiceTarget(service, port, number)


def _shared_labels(snapshot: Snapshot, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels without those that tell replicas apart and mean nothing to anybody."""
    dropped = PER_INSTANCE - mentioned_labels(snapshot)
    kept = {key: value for key, value in sorted(labels.items()) if key not in dropped}
    return _LABELS.same(tuple(kept.items()), kept)


@memoized(size=16384)
def _inbound_rules(
    targets: tuple[ServiceTarget, ...], rules: DestinationRules, namespace: str
) -> Mapping[Hostname, MergedRule]:
    found: dict[Hostname, MergedRule] = {}
    for each in targets:
        rule = select_inbound(rules.find(namespace, each.service.hostname, each.service.namespace))
        if rule is not None:
            found[each.service.hostname] = rule
    return same_mapping(found)


def _first(labels: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
