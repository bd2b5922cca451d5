"""What of a stored object the mesh reads, so that what it does not read is no change and costs no memory.

In: a decoded object. Out: the object without annotations of strangers, with the one condition of a Pod that counts.
Source: Kubernetes controllers behaviour 6.1.
"""

from msgspec.structs import replace

from pilot.model.ingress_routes import CLASS_ANNOTATION
from pilot.model.kubernetes import Pod
from pilot.model.objects import Object
from pilot.model.secret import ConfigMap, ConfigMapData, Secret, SecretData

OUR_DOMAINS = ("istio.io", "gateway.networking.k8s.io")
READY = "Ready"
_NO_SECRET, _NO_ROOTS = SecretData(), ConfigMapData()


def trim(stored: Object) -> Object:
    """The same, as far as the mesh reads it."""
    annotations = stored.metadata.annotations
    if annotations:
        kept = {name: value for name, value in annotations.items() if is_ours(name)}
        if len(kept) != len(annotations):
            stored = replace(stored, metadata=replace(stored.metadata, annotations=kept))
    if isinstance(stored, Pod) and len(stored.status.conditions) > 1:
        ready = tuple(each for each in stored.status.conditions if each.type == READY)
        stored = replace(stored, status=replace(stored.status, conditions=ready))
    return stored


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
