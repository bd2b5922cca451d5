"""Which namespaces are part of the mesh at all.

In: objects before and after a change, MeshConfig's discovery selectors. Out: the changes as the mesh sees them:
objects of a namespace that is not selected do not exist. Cluster-scoped objects always do.
Source: xDS behaviour 2.2 (discovery selectors); installation 6.2.
"""

from collections.abc import Iterable, Iterator

from pilot.model.kubernetes import Namespace
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.selectors import LabelSelector

NAME_LABEL = "kubernetes.io/metadata.name"
"""Kubernetes puts it on every namespace; one that is not declared has just that."""


def is_selected(store: ObjectStore, selectors: tuple[LabelSelector, ...], namespace: str) -> bool:
    """Whether objects of a namespace count; without selectors all do, and cluster-scoped ones always."""
    if not selectors or not namespace:
        return True
    declared = store.get(Namespace, "", namespace)
    labels = {NAME_LABEL: namespace, **(declared.metadata.labels if declared else {})}
    return any(each.matches(labels) for each in selectors)


def select_replacements(
    before: ObjectStore, after: ObjectStore, replaced: Iterable[Replacement], selectors: tuple[LabelSelector, ...]
) -> tuple[Replacement, ...]:
    """The changes that the mesh sees, with whole namespaces coming and going by their labels."""
    replaced = tuple(replaced)
    if not selectors:
        return replaced
    toggled = {
        each.key.name
        for each in replaced
        if each.key.kind == Namespace.KIND
        and is_selected(before, selectors, each.key.name) != is_selected(after, selectors, each.key.name)
    }
    seen = [
        each
        for each in replaced
        if each.key.namespace not in toggled and is_selected(after, selectors, each.key.namespace)
    ]
    for namespace in sorted(toggled):
        seen.extend(_moved(before, after, namespace, is_selected(after, selectors, namespace)))
    return tuple(seen)


def _moved(before: ObjectStore, after: ObjectStore, namespace: str, enters: bool) -> Iterator[Replacement]:
    source = after if enters else before
    for each in source.in_namespace(namespace):
        yield Replacement(each.key, None, each) if enters else Replacement(each.key, each, None)
