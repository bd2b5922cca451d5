"""What of a stored object the mesh reads, so that what it does not read is no change and costs no memory.

In: a decoded object. Out: the object without annotations of strangers, with the one condition of a Pod that counts;
parts that are equal in the Pods of a workload are one object in all of them.
Source: Kubernetes controllers behaviour 6.1.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar, cast

from msgspec.structs import replace

from pilot.model.ingress_routes import CLASS_ANNOTATION
from pilot.model.interning import Interner
from pilot.model.kubernetes import Pod
from pilot.model.objects import Object
from pilot.model.secret import ConfigMap, ConfigMapData, Secret, SecretData

OUR_DOMAINS = ("istio.io", "gateway.networking.k8s.io", "openshift.io")
READY = "Ready"
T = TypeVar("T")
_SHARED: Interner[object] = Interner(32768)
_NO_SECRET, _NO_ROOTS = SecretData(), ConfigMapData()


def trim(stored: Object) -> Object:
    """The same, as far as the mesh reads it."""
    if isinstance(stored, Pod):
        return _trim_pod(stored)
    annotations = stored.metadata.annotations
    if annotations:
        kept = _ours(annotations)
        if len(kept) != len(annotations):
            stored = replace(stored, metadata=replace(stored.metadata, annotations=kept))
    return stored


def _trim_pod(pod: Pod) -> Pod:
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    metadata = replace(
        metadata,
        generate_name=_shared(metadata.generate_name, metadata.generate_name),
        labels=_shared_mapping(metadata.labels),
        annotations=_shared_mapping(_ours(metadata.annotations)),
        owner_references=_shared(metadata.owner_references, metadata.owner_references),
    )
    spec = replace(
        spec,
        containers=_shared(spec.containers, spec.containers),
        init_containers=_shared(spec.init_containers, spec.init_containers),
    )
    ready = tuple(each for each in status.conditions if each.type == READY)
    return replace(pod, metadata=metadata, spec=spec, status=replace(status, conditions=_shared(ready, ready)))


def _shared(key: Hashable, value: T) -> T:
    """The value that was seen first under an equal key."""
    return cast(T, _SHARED.same(key, value))


def _shared_mapping(mapping: Mapping[str, str]) -> Mapping[str, str]:
    return _shared((dict, *mapping.items()), mapping)  # an empty one is no empty tuple


def _ours(annotations: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in annotations.items() if is_ours(name)}


def is_ours(annotation: str) -> bool:
    """Whether an annotation may mean something to the mesh."""
    domain, slash, _ = annotation.partition("/")
    return annotation == CLASS_ANNOTATION or bool(slash and domain.endswith(OUR_DOMAINS))


def is_empty(stored: Object) -> bool:
    """Whether there is nothing in it that the mesh could use: ConfigMaps and Secrets of others."""
    match stored:
        case Secret():
            return stored.data == _NO_SECRET
        case ConfigMap():
            return stored.data == _NO_ROOTS
    return False
