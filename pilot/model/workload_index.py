"""Finds workloads by name, address and labels.

In: changed Pods, WorkloadEntries and Nodes. Out: a new index that shares everything unchanged, and which workloads
changed. The cost is that of the workloads that changed.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pilot.model import locality
from pilot.model.draft import Draft, NestedDraft, SetDraft
from pilot.model.kubernetes import Node, Pod
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workloads import WorkloadInstance, WorkloadKey, instance_of_entry, instance_of_pod

K = TypeVar("K", bound=Hashable)
Label = tuple[str, str, str]
"""Namespace, label, value."""


@dataclass(frozen=True, slots=True)
class WorkloadChange:
    """One workload before and after."""

    key: WorkloadKey
    old: WorkloadInstance | None
    new: WorkloadInstance | None


@dataclass(frozen=True, slots=True)
class WorkloadIndex:
    """All workloads of the mesh."""

    pods: Mapping[str, Mapping[str, WorkloadInstance]] = field(default_factory=dict)
    """By namespace and name."""
    entries: Mapping[str, Mapping[str, WorkloadInstance]] = field(default_factory=dict)
    """By namespace and name."""
    by_ip: Mapping[str, frozenset[WorkloadKey]] = field(default_factory=dict)
    by_label: Mapping[Label, frozenset[WorkloadKey]] = field(default_factory=dict)
    by_node: Mapping[str, frozenset[WorkloadKey]] = field(default_factory=dict)
    node_localities: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: WorkloadKey) -> WorkloadInstance | None:
        """One workload."""
        kind, namespace, name = key
        return (self.pods if kind == Pod.KIND else self.entries).get(namespace, {}).get(name)

    def pod(self, namespace: str, name: str) -> WorkloadInstance | None:
        """The workload of one Pod."""
        return self.pods.get(namespace, {}).get(name)

    def at(self, address: str) -> tuple[WorkloadInstance, ...]:
        """The workloads with an address, in order of their keys."""
        found = (self.get(key) for key in sorted(self.by_ip.get(address, ())))
        return tuple(each for each in found if each is not None)

    def select(self, namespace: str, selector: Mapping[str, str]) -> Iterator[WorkloadInstance]:
        """The workloads of a namespace with all these labels, in order of their keys; none for no labels."""
        sets = [self.by_label.get((namespace, *pair), frozenset()) for pair in selector.items()]
        if not sets:
            return
        for key in sorted(frozenset.intersection(*sorted(sets, key=len))):
            found = self.get(key)
            if found is not None:
                yield found


def update(
    index: WorkloadIndex, store: ObjectStore, replaced: Iterable[Replacement], settings: MeshSettings
) -> tuple[WorkloadIndex, tuple[WorkloadChange, ...]]:
    """The index after the changes. `store` already has them."""
    touched, localities = _touched(index, store, replaced)
    pods, entries = NestedDraft(index.pods), NestedDraft(index.entries)
    by_ip, by_label, by_node = SetDraft(index.by_ip), SetDraft(index.by_label), SetDraft(index.by_node)
    changes: list[WorkloadChange] = []
    for key, declared in touched.items():
        old, new = index.get(key), _instance(declared, localities, settings)
        if old == new:
            continue
        changes.append(WorkloadChange(key, old, new))
        (pods if key[0] == Pod.KIND else entries).set(key[1], key[2], new)
        _move(by_ip, key, _addresses(old), _addresses(new))
        _move(by_label, key, _labels(old), _labels(new))
        _move(by_node, key, _node(old), _node(new))
    if not changes and localities is index.node_localities:
        return index, ()
    made = WorkloadIndex(
        pods.finish(), entries.finish(), by_ip.finish(), by_label.finish(), by_node.finish(), localities
    )
    return made, tuple(changes)


def _touched(
    index: WorkloadIndex, store: ObjectStore, replaced: Iterable[Replacement]
) -> tuple[dict[WorkloadKey, Object | None], Mapping[str, str]]:
    """The objects whose workloads are to be computed, and the localities of nodes."""
    touched: dict[WorkloadKey, Object | None] = {}
    localities = Draft(index.node_localities)
    for each in replaced:
        if each.key.kind in (Pod.KIND, WorkloadEntry.KIND):
            touched[each.key.kind, each.key.namespace, each.key.name] = each.new
        elif each.key.kind == Node.KIND:
            where = locality.locality_of_node(each.new.metadata.labels) if each.new else None
            if localities.get(each.key.name) == where:
                continue
            localities.set(each.key.name, where)
            for key in index.by_node.get(each.key.name, ()):
                touched.setdefault(key, store.get(Pod, key[1], key[2]))
    return touched, localities.finish()


def _instance(
    declared: Object | None, localities: Mapping[str, str], settings: MeshSettings
) -> WorkloadInstance | None:
    match declared:
        case Pod():
            return instance_of_pod(declared, localities.get(declared.spec.node_name, ""), settings)
        case WorkloadEntry():
            return instance_of_entry(declared, settings)
        case _:
            return None


def _move(draft: SetDraft[K, WorkloadKey], key: WorkloadKey, old: frozenset[K], new: frozenset[K]) -> None:
    for each in old - new:
        draft.remove(each, key)
    for each in new - old:
        draft.add(each, key)


def _addresses(instance: WorkloadInstance | None) -> frozenset[str]:
    return frozenset(instance.addresses) if instance else frozenset()


def _labels(instance: WorkloadInstance | None) -> frozenset[Label]:
    return frozenset((instance.namespace, *pair) for pair in instance.labels.items()) if instance else frozenset()


def _node(instance: WorkloadInstance | None) -> frozenset[str]:
    return frozenset((instance.node,)) if instance and instance.node else frozenset()
