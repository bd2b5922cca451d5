"""Everything that workload discovery tells, kept from one state of the mesh to the next.

In: an `AmbientMesh`, and the index of an earlier one. Out: the index; what says the same as before is the same object.
Derived anew is only what can have changed: one Pod, the workloads that a service selected or selects, or everything
where namespaces, waypoints, policies or settings changed. The result never depends on the earlier index.
Source: xDS behaviour 8.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from operator import is_not
from typing import Final, TypeVar

from pilot.memo import Work, finish
from pilot.model.ambient import remote, services, workloads
from pilot.model.ambient.address import MeshService, MeshWorkload
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.draft import Draft, SetDraft
from pilot.model.kubernetes import EndpointSlice, KubernetesService, Pod
from pilot.model.objects import Object
from pilot.model.service import Service
from pilot.model.service_entry import ServiceEntry
from pilot.model.waypoint import NETWORK_GATEWAY
from pilot.model.workload_entry import WorkloadEntry

K = TypeVar("K")
V = TypeVar("V")
Source = tuple[str, str, str]
"""Kind, namespace and name of the object that declares workloads."""
_PIECE = 64
"""Declarations that are looked at in one piece of the work. Arbitrary: a millisecond or two."""
_GATEWAYS: Source = (NETWORK_GATEWAY, "", "")
_REMOTES: Source = ("Cluster", "", "")
_TOGETHER: Final = frozenset((_GATEWAYS, _REMOTES))
"""Sources that are no single objects."""
_KINDS: Mapping[str, type[Object]] = {each.KIND: each for each in (Pod, WorkloadEntry, ServiceEntry, EndpointSlice)}


@dataclass(frozen=True, slots=True, eq=False)
class AmbientIndex:
    """Workloads and services, and how they are found."""

    mesh: AmbientMesh = field(default_factory=AmbientMesh)
    services: Mapping[str, MeshService] = field(default_factory=dict)
    """By `namespace/hostname`."""
    workloads: Mapping[str, MeshWorkload] = field(default_factory=dict)
    """By uid."""
    declared: Mapping[Source, tuple[MeshWorkload, ...]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Uids of the workloads of a service."""
    at_address: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names of what has a `network/address`."""
    on_node: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Uids by name of a node."""

    def find(self, key: str) -> frozenset[str]:
        """Names of everything that a client means by a key: a uid, `network/address` or `namespace/hostname`."""
        found = self.at_address.get(key, frozenset())
        if key in self.services or key in self.workloads:
            found |= {key}
        for name in found & self.services.keys():
            found |= self.members.get(name, frozenset())
        return found

    def keys_of(self, name: str) -> tuple[str, ...]:
        """The other names of a workload or service."""
        told = self.services.get(name) or self.workloads[name]
        return told.keys


def update(old: AmbientIndex, mesh: AmbientMesh) -> AmbientIndex:
    """The index of a mesh."""
    return finish(steps(old, mesh))


def steps(old: AmbientIndex, mesh: AmbientMesh) -> Work[AmbientIndex]:
    """The same, in pieces."""
    if mesh is old.mesh:
        return old
    before = old.mesh
    anew = _is_other(before, mesh)
    told = old.services
    others = mesh.remotes != before.remotes
    if anew or others or mesh.services is not before.services or _differ(KubernetesService.KIND, before, mesh):
        told = _keep(old.services, services.derive(mesh))
    changed = differences(old.services, told)
    yield
    sources = set(_all(mesh)) | (old.declared.keys() - _TOGETHER) if anew else set(_touched(before, mesh))
    if not anew:
        sources.update(_selected(before, mesh))
        sources.update(_displaced(changed, old.services, told, mesh))
    moved: dict[Source, tuple[MeshWorkload, ...]] = {}
    for number, source in enumerate(sources, 1):
        fresh = tuple(_derive(source, mesh, told))
        if fresh != old.declared.get(source, ()):
            moved[source] = fresh
        if number % _PIECE == 0:
            yield
    if mesh.waypoints is not before.waypoints and (ways := _gateways(mesh)) != old.declared.get(_GATEWAYS, ()):
        moved[_GATEWAYS] = ways
    if others or (mesh.remotes and (anew or changed)):
        far = yield from remote.workloads(mesh, told)
        if far != old.declared.get(_REMOTES, ()):
            moved[_REMOTES] = far
    return (yield from _index(old, mesh, told, moved, changed))


def _is_other(old: AmbientMesh, new: AmbientMesh) -> bool:
    """Whether something changed on which everything may depend."""
    return (
        old.settings != new.settings
        or old.waypoints is not new.waypoints
        or old.peers is not new.peers
        or old.policies.authorizations is not new.policies.authorizations
    )


def _differ(kind: str, old: AmbientMesh, new: AmbientMesh) -> bool:
    return old.store.kinds.get(kind) is not new.store.kinds.get(kind)


def _all(mesh: AmbientMesh) -> Iterator[Source]:
    for kind in _KINDS:
        for namespace, names in mesh.store.kinds.get(kind, {}).items():
            yield from ((kind, namespace, name) for name in names)


def _touched(old: AmbientMesh, new: AmbientMesh) -> Iterator[Source]:
    """What was declared, changed or taken away; Pods whose node moved or whose slices changed."""
    for kind in _KINDS:
        yield from ((kind, *place) for place in _places(old.store.kinds.get(kind, {}), new.store.kinds.get(kind, {})))
    yield from ((Pod.KIND, *place) for place in _places(old.workloads.pods, new.workloads.pods))
    if old.endpoints.dependents is not new.endpoints.dependents:
        for namespace, name in differences(old.endpoints.dependents, new.endpoints.dependents):
            if namespace:
                yield Pod.KIND, namespace, name
            else:
                yield from (each.key for each in new.workloads.at(name))


def _places(
    old: Mapping[str, Mapping[str, object]], new: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[str, str]]:
    """Namespace and name of what is not the same object."""
    for namespace in differences(old, new):
        for name in differences(old.get(namespace, {}), new.get(namespace, {})):
            yield namespace, name


def differences(old: Mapping[K, object], new: Mapping[K, object]) -> list[K]:
    """Keys under which there is not the same object."""
    if old is new:
        return []
    # in C: this runs over all workloads of the mesh
    changed = list(compress(new, map(is_not, new.values(), map(old.get, new))))
    if len(new) == len(old) and all(key in old for key in changed):
        return changed
    return [*changed, *(key for key in old if key not in new)]


def _selected(old: AmbientMesh, new: AmbientMesh) -> Iterator[Source]:
    """The workloads that a changed service selects or selected, and those that its own declaration makes."""
    for key in differences(old.services.declared, new.services.declared):
        for mesh in (old, new):
            for service in mesh.services.declared.get(key, ())[:1]:
                yield from _behind(service, new)


def _displaced(
    names: Iterable[str], old: Mapping[str, MeshService], new: Mapping[str, MeshService], mesh: AmbientMesh
) -> Iterator[Source]:
    """The workloads behind services that another declaration stands for than before."""
    for name in names:
        was, now = old.get(name), new.get(name)
        if was is None or now is None or was.origin != now.origin:
            for told in filter(None, (was, now)):
                place = (told.origin.kind, told.origin.namespace, told.origin.name)
                for service in mesh.services.declared.get(place, ())[:1]:
                    yield from _behind(service, mesh)


def _behind(service: Service, mesh: AmbientMesh) -> Iterator[Source]:
    yield from (each.key for each in mesh.workloads.select(service.namespace, service.selector))
    if not service.is_kubernetes:
        yield ServiceEntry.KIND, service.namespace, service.object_name
        return
    for kind, namespace, name in mesh.endpoints.slices.get((service.namespace, service.name), ()):
        yield kind, namespace, name
        declared = mesh.store.get(EndpointSlice, namespace, name)
        for endpoint in declared.endpoints if declared is not None else ():
            for address in endpoint.addresses:
                yield from (each.key for each in mesh.workloads.at(address))


def _derive(source: Source, mesh: AmbientMesh, told: Mapping[str, MeshService]) -> Iterator[MeshWorkload]:
    kind, namespace, name = source
    if kind in (Pod.KIND, WorkloadEntry.KIND):
        instance = mesh.workloads.get(source)
        made = workloads.of_instance(instance, mesh, told) if instance is not None else None
        if made is not None:
            yield made
        return
    declared = mesh.store.get(_KINDS[kind], namespace, name) if kind in _KINDS else None
    match declared:
        case ServiceEntry():
            yield from workloads.of_service_entry(declared, mesh, told)
        case EndpointSlice():
            yield from workloads.of_slice(declared, mesh, told)


def _keep(old: Mapping[str, V], new: Mapping[str, V]) -> Mapping[str, V]:
    """The new values, each the old object where it says the same; the old mapping where all do."""
    kept = {
        key: known if (known := old.get(key)) == value and known is not None else value for key, value in new.items()
    }
    same = len(kept) == len(old) and all(old.get(key) is value for key, value in kept.items())
    return old if same else kept


def _gateways(mesh: AmbientMesh) -> tuple[MeshWorkload, ...]:
    """The ways into other networks, which are workloads too."""
    return tuple(
        MeshWorkload(
            uid=each.uid,
            name=each.uid,
            namespace=each.namespace,
            network=each.network,
            addresses=(each.address.ip,) if each.address.ip else (),
            hostname=each.address.hostname,
            account=each.account,
        )
        for each in mesh.waypoints.gateways
    )


def _index(
    old: AmbientIndex,
    mesh: AmbientMesh,
    told: Mapping[str, MeshService],
    moved: Mapping[Source, tuple[MeshWorkload, ...]],
    changed: Iterable[str],
) -> Work[AmbientIndex]:
    declared, found, members = Draft(old.declared), Draft(old.workloads), SetDraft(old.members)
    at_address, on_node = SetDraft(old.at_address), SetDraft(old.on_node)
    for name in changed:
        _file(at_address, name, _keys(old.services.get(name)), _keys(told.get(name)))
    for number, (source, fresh) in enumerate(moved.items(), 1):
        if number % _PIECE == 0:
            yield
        declared.set(source, fresh or None)
        before = {each.uid: each for each in old.declared.get(source, ())}
        after = {each.uid: each for each in fresh}
        for uid in before.keys() | after.keys():
            was, now = before.get(uid), after.get(uid)
            if was is now:
                continue
            found.set(uid, was if was == now else now)
            _file(at_address, uid, _keys(was), _keys(now))
            _file(members, uid, set(was.services) if was else set(), set(now.services) if now else set())
            _file(on_node, uid, _node(was), _node(now))
    sets = []
    for each in (members, at_address, on_node):
        yield
        sets.append(each.finish())
    return AmbientIndex(mesh, told, found.finish(), declared.finish(), *sets)


def _file(draft: SetDraft[str, str], name: str, old: set[str], new: set[str]) -> None:
    for each in old - new:
        draft.remove(each, name)
    for each in new - old:
        draft.add(each, name)


def _keys(told: MeshWorkload | MeshService | None) -> set[str]:
    return set(told.keys) if told is not None else set()


def _node(workload: MeshWorkload | None) -> set[str]:
    return {workload.node} if workload is not None and workload.node else set()
