"""All services of the mesh, in listing order, with who sees them and what they select.

In: changed Services, ServiceEntries and Nodes. Out: a new index that shares everything unchanged, and which
declarations mean something else now. Converting costs what changed, putting lists in order the number of services.
Source: xDS behaviour 2.1 (listing order), 2.2 (aliases), 2.10 (visibility).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pilot.memo import memoized
from pilot.model import mcs
from pilot.model.address_allocation import Allocation, Ranges, allocate
from pilot.model.draft import Draft
from pilot.model.features import Features
from pilot.model.interning import Interner, same_tuple
from pilot.model.kubernetes import KubernetesService, Node
from pilot.model.kubernetes import Namespace as KubernetesNamespace
from pilot.model.kubernetes_service import NODE_SELECTOR, service_of_kubernetes
from pilot.model.label_selection import SelectorIndex
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object
from pilot.model.service import Alias, Hostname, Namespace, Resolution, Service
from pilot.model.service_entries import services_of_entry
from pilot.model.service_entry import ServiceEntry
from pilot.model.visibility import Audience, Visible, audience, split_by_audience

DeclaredKey = tuple[str, str, str]
"""Kind of object, namespace, name."""
ServiceKey = tuple[Hostname, Namespace]
Selecting = SelectorIndex[tuple[Service, ...]]
_KINDS = (KubernetesService.KIND, ServiceEntry.KIND)
_ALIASES: Interner[tuple[Alias, ...]] = Interner(4096)


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """The services of one declaration before and after."""

    key: DeclaredKey
    old: tuple[Service, ...]
    new: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class ServiceIndex:
    """All services."""

    declared: Mapping[DeclaredKey, tuple[Service, ...]] = field(default_factory=dict)
    """As declared, without aliases."""
    listing: tuple[Service, ...] = ()
    """By creation time, name, namespace."""
    by_key: Mapping[ServiceKey, tuple[Service, ...]] = field(default_factory=dict)
    """The first is the one that counts: Kubernetes before others, older before newer."""
    visible: Visible[Service] = field(default_factory=Visible)
    selecting: Mapping[str, Selecting] = field(default_factory=dict)
    """By namespace: the services of a declaration, by the labels they select."""
    allocation: Allocation = field(default_factory=dict)
    by_node: frozenset[DeclaredKey] = frozenset()
    """Declarations that depend on Nodes."""

    def find(self, hostname: str, namespace: str) -> Service | None:
        """The service of this name that counts."""
        found = self.by_key.get((Hostname(hostname), Namespace(namespace)))
        return found[0] if found else None

    def selecting_labels(self, namespace: str, labels: Mapping[str, str]) -> list[tuple[Service, ...]]:
        """The services of each declaration of the namespace that selects these labels, as declared."""
        index = self.selecting.get(namespace)
        return index.matching(labels) if index else []


def update(
    index: ServiceIndex, store: ObjectStore, replaced: Iterable[Replacement], settings: MeshSettings
) -> tuple[ServiceIndex, tuple[ServiceChange, ...]]:
    """The index after the changes. `store` already has them."""
    touched, allocation, by_node = _touched(index, store, tuple(replaced), settings)
    declared = Draft(index.declared)
    changes: list[ServiceChange] = []
    for key, each in touched.items():
        old = index.declared.get(key, ())
        new = _convert(each, store, allocation, settings)
        if new == old:
            continue
        changes.append(ServiceChange(key, old, new))
        declared.set(key, new or None)
    if not changes:
        if allocation is index.allocation and by_node == index.by_node:
            return index, ()
        return replace(index, allocation=allocation, by_node=by_node), ()
    return _arrange(index, declared.finish(), changes, allocation, by_node, settings), tuple(changes)


def arrange_anew(index: ServiceIndex, settings: MeshSettings) -> ServiceIndex:
    """The same services under other mesh defaults."""
    return _arrange(index, index.declared, (), index.allocation, index.by_node, settings)


def arrange_declared(
    index: ServiceIndex, declared: Mapping[DeclaredKey, tuple[Service, ...]], settings: MeshSettings
) -> ServiceIndex:
    """An index with other declarations; what selects workloads stays as it is."""
    return _arrange(index, declared, (), index.allocation, index.by_node, settings)


def _touched(
    index: ServiceIndex, store: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings
) -> tuple[dict[DeclaredKey, Object | None], Allocation, frozenset[DeclaredKey]]:
    touched: dict[DeclaredKey, Object | None] = {}
    by_node = set(index.by_node)
    for each in replaced:
        key = (each.key.kind, each.key.namespace, each.key.name)
        if each.key.kind in _KINDS:
            touched[key] = each.new
            by_node.discard(key)
            if each.new is not None and NODE_SELECTOR in each.new.metadata.annotations:
                by_node.add(key)
    if any(each.key.kind == Node.KIND for each in replaced):
        for kind, namespace, name in by_node:
            touched[kind, namespace, name] = store.get(KubernetesService, namespace, name)
    for each in replaced:
        if each.key.kind in mcs.KINDS:
            place = each.key.namespace, each.key.name
            touched[KubernetesService.KIND, *place] = store.get(KubernetesService, *place)
    if settings.has_scopes:
        for name in (each.key.name for each in replaced if each.key.kind == KubernetesNamespace.KIND):
            for service in store.kinds.get(KubernetesService.KIND, {}).get(name, {}):
                touched[KubernetesService.KIND, name, service] = store.get(KubernetesService, name, service)
    allocation = index.allocation
    if any(key[0] == ServiceEntry.KIND for key in touched):
        fresh = _allocate(store, settings.features)
        for place in fresh.keys() | allocation.keys():
            if fresh.get(place) != allocation.get(place):
                touched.setdefault((ServiceEntry.KIND, *place), store.get(ServiceEntry, *place))
        allocation = fresh if fresh != allocation else allocation
    return touched, allocation, frozenset(by_node)


def _allocate(store: ObjectStore, features: Features) -> Allocation:
    if not features.ip_autoallocate:
        return {}
    return allocate(store.of(ServiceEntry), Ranges(features.allocation_v4, features.allocation_v6))


def _convert(
    declared: Object | None, store: ObjectStore, allocation: Allocation, settings: MeshSettings
) -> tuple[Service, ...]:
    match declared:
        case KubernetesService():
            nodes = store.of(Node) if NODE_SELECTOR in declared.metadata.annotations else ()
            namespace = store.get(KubernetesNamespace, "", declared.namespace) if settings.has_scopes else None
            around = namespace.metadata.labels if namespace is not None else {}
            return tuple(mcs.services_of(service_of_kubernetes(declared, nodes, around, settings), store, settings))
        case ServiceEntry():
            return services_of_entry(declared, allocation.get((declared.namespace, declared.name), {}), settings)
        case _:
            return ()


def _arrange(
    index: ServiceIndex,
    declared: Mapping[DeclaredKey, tuple[Service, ...]],
    changes: Iterable[ServiceChange],
    allocation: Allocation,
    by_node: frozenset[DeclaredKey],
    settings: MeshSettings,
) -> ServiceIndex:
    """Puts everything in order again."""
    services = sorted((each for services in declared.values() for each in services), key=_listing_order)
    listing = _with_aliases(services)
    by_key: dict[ServiceKey, list[Service]] = {}
    for each in listing:
        by_key.setdefault((each.hostname, each.namespace), []).append(each)
    selecting = Draft(index.selecting)
    for namespace in {change.key[1] for change in changes if _selects(change.old) or _selects(change.new)}:
        selecting.set(namespace, _selecting(declared, namespace))
    return ServiceIndex(
        declared=declared,
        listing=same_tuple(tuple(listing)),
        by_key={key: same_tuple(tuple(sorted(found, key=_counts_first))) for key, found in by_key.items()},
        visible=split_by_audience(listing, _namespace, lambda each: audience_of(each, settings)),
        selecting=selecting.finish(),
        allocation=allocation,
        by_node=by_node,
    )


def audience_of(service: Service, settings: MeshSettings) -> Audience:
    """Who sees a service."""
    return audience(service.export_to, settings.mesh.default_service_export_to, service.namespace)


def _listing_order(service: Service) -> tuple[str, ...]:
    return service.created, service.name, service.namespace, service.object_name, service.registry.value


def _counts_first(service: Service) -> bool:
    return not service.is_kubernetes


def _namespace(service: Service) -> str:
    return service.namespace


def _selects(services: tuple[Service, ...]) -> bool:
    return bool(services and services[0].selector)


def _selecting(declared: Mapping[DeclaredKey, tuple[Service, ...]], namespace: str) -> Selecting | None:
    found = [services for key, services in declared.items() if key[1] == namespace and _selects(services)]
    found.sort(key=lambda services: _listing_order(services[0]))
    return SelectorIndex.of((services[0].selector, services) for services in found) if found else None


def _with_aliases(services: list[Service]) -> list[Service]:
    """Services with the ExternalName services that point at them, through others as well; loops point nowhere."""
    names = {each.hostname: each for each in services if each.resolution is Resolution.ALIAS}
    if not names:
        return services
    pointing: dict[str, list[Alias]] = {}
    for alias in names.values():
        target, seen = alias.external_name, {alias.hostname}
        while target in names and target not in seen:
            seen.add(Hostname(target))
            target = names[Hostname(target)].external_name
        pointing.setdefault(target, []).append(Alias(alias.namespace, alias.hostname))
    return [
        _pointed_at(each, _sorted_aliases(pointing[each.hostname]))
        if each.hostname in pointing and each.resolution is not Resolution.ALIAS
        else each
        for each in services
    ]


def _sorted_aliases(aliases: list[Alias]) -> tuple[Alias, ...]:
    ordered = tuple(sorted(aliases, key=lambda each: (each.namespace, each.hostname)))
    return _ALIASES.same(ordered, ordered)


@memoized(size=4096)
def _pointed_at(service: Service, aliases: tuple[Alias, ...]) -> Service:
    return replace(service, aliases=aliases)
