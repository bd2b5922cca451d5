"""From one document to the objects in it.

In: plain values of a document. Out: for each object its key, the object (None where it cannot be used) and what is
wrong with it. Lists are unrolled. Knows nothing of files and of what was there before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import fields

from pilot.model.decoding import Fault, Path, decode_value, describe, unknown_field
from pilot.model.objects import Object, ObjectKey
from pilot.sources.checks import check_object
from pilot.sources.kinds import KINDS, Kind, kinds_of_group, split_api_version
from pilot.sources.stand_ins import stand_in
from pilot.validation.syntax import name_fault

DEFAULT_NAMESPACE = "default"

_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_METADATA = (
    "name", "generateName", "namespace", "labels", "annotations", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "finalizers", "generation", "managedFields", "ownerReferences", "resourceVersion",
    "selfLink", "uid", "clusterName", "zzz_deprecated_clusterName",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoded:
    """One object of a document."""

    path: Path
    """Where in the document it is: (), or (`items`, 3) in a list."""
    key: ObjectKey | None = None
    """None where kind or name cannot be read."""
    object: Object | None = None
    faults: tuple[Fault, ...] = ()
    """Paths are those in the object."""
    fallback: Object | None = None
    """Where there is no object: what is safer than nothing in its place."""
    unknown_kind: str = ""
    """`apps/v1 Deployment` where nothing is known of the kind; then there is nothing else."""


def decode_document(value: object, path: Path = ()) -> Iterator[Decoded]:
    """Its objects: one, those of a `List` (or `PodList` ...), none of an empty document."""
    if value is None:
        return
    if not isinstance(value, dict):
        yield Decoded(path, faults=(Fault((), f"expected an object, got {describe(value)}"),))
        return
    kind = value.get("kind")
    items = value.get("items")
    if not isinstance(kind, str) or not kind.endswith("List") or "items" not in value:
        yield decode_object(value, path)
    elif isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict) and kind != "List":  # the items of a typed list need not say their kind
                item = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")} | item
            yield from decode_document(item, (*path, "items", index))
    elif items is not None:
        yield Decoded(path, faults=(Fault(("items",), f"expected a list, got {describe(items)}"),))


def decode_object(value: dict[str, object], path: Path = ()) -> Decoded:
    """One object, strictly where people write it; of a kind without namespace a namespace is dropped."""
    kind_name, api_version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind_name, str) or not kind_name:
        return Decoded(path, faults=(Fault(("kind",), f"expected the kind of an object, got {describe(kind_name)}"),))
    if not isinstance(api_version, str) or not api_version:
        message = f"expected an API version such as networking.istio.io/v1, got {describe(api_version)}"
        return Decoded(path, faults=(Fault(("apiVersion",), message),))
    group, version = split_api_version(api_version)
    kind = KINDS.get((group, kind_name))
    if kind is None:
        return _unknown(path, group, kind_name, api_version)
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        message = f"expected a mapping with a name, got {describe(metadata)}"
        return Decoded(path, faults=(Fault(("metadata",), message),))
    name, namespace = metadata.get("name"), _namespace(metadata, kind)
    key = ObjectKey(kind.struct.KIND, namespace, name) if isinstance(name, str) and name else None
    if version not in kind.versions:
        message = f"expected one of {', '.join(kind.api_versions)}, got {api_version[:80]}"
        return Decoded(path, key, faults=(Fault(("apiVersion",), message),), fallback=_fallback(key, value))
    if metadata.get("namespace") != namespace:
        value = value | {"metadata": metadata | {"namespace": namespace}}
    faults = tuple(_unknown_outside_spec(value, metadata, kind))
    decoded, found = decode_value(value, kind.struct)
    if faults or decoded is None:
        return Decoded(path, key, faults=(*faults, *found), fallback=_fallback(key, value))
    kept, wrong = check_object(decoded, kind.namespaced)
    return Decoded(path, key, kept, (*found, *wrong), _fallback(key, value) if kept is None else None)


def _fallback(key: ObjectKey | None, value: dict[str, object]) -> Object | None:
    return stand_in(key, value) if key is not None and not name_fault(key.name) else None


def _namespace(metadata: dict[str, object], kind: Kind) -> str:
    if not kind.namespaced:
        return ""
    namespace = metadata.get("namespace")
    return namespace if isinstance(namespace, str) and namespace else DEFAULT_NAMESPACE


def _unknown(path: Path, group: str, kind: str, api_version: str) -> Decoded:
    """A kind of somebody else's is their business; one that an Istio group does not have is a mistake."""
    known = kinds_of_group(group)
    folded = {each.lower(): each for each in known}
    if group and kind.lower() in folded:
        message = f"unknown kind, did you mean {folded[kind.lower()]}?"
        return Decoded(path, faults=(Fault(("kind",), message),))
    return Decoded(path, unknown_kind=f"{api_version} {kind}"[:160])


def _unknown_outside_spec(value: dict[str, object], metadata: dict[str, object], kind: Kind) -> Iterator[Fault]:
    if not kind.strict:
        return
    top = _TOP | {each.encode_name for each in fields(kind.struct)}
    for name in value:
        if name not in top:
            yield Fault((name,), unknown_field(str(name), sorted(top)))
    for name in metadata:
        if name not in _METADATA:
            yield Fault(("metadata", name), unknown_field(str(name), _METADATA))
