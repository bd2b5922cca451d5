"""What generators produce and what the xDS session sends: ready bytes with a content hash.

A `Resource` is one Envoy object, already packed into a `google.protobuf.Any` and serialized. A `ResourceSet` is
everything one class of proxies is to have of one type. Both are immutable: a push compares two sets, never two meshes.
Does not know how resources are made or sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from pilot.type_urls import TypeUrl


class Message(Protocol):
    """The part of a protobuf message that packing needs."""

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


@dataclass(frozen=True, slots=True)
class Origin:
    """The configuration object a resource was made from, e.g. `VirtualService default/reviews`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One xDS resource: `body` is a serialized `google.protobuf.Any`, `version` the hash of it (16 hex digits)."""

    name: str
    body: bytes = field(repr=False)  # of a secret, it holds a key
    version: str
    origins: tuple[Origin, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names under which a delta client may ask for it."""
    mark: int = field(init=False, repr=False, compare=False)
    """What it adds to the version of a set that it is in."""

    def __post_init__(self) -> None:
        digest = blake2b(f"{self.name} {self.version}".encode(), digest_size=8).digest()
        object.__setattr__(self, "mark", int.from_bytes(digest))


@dataclass(frozen=True, slots=True, eq=False)
class ResourceSet:
    """Resources by name, in the order they were made. Equal by identity: compare `version` for content."""

    resources: Mapping[str, Resource]
    version: str

    def __getitem__(self, name: str) -> Resource:
        return self.resources[name]

    def __contains__(self, name: object) -> bool:
        return name in self.resources

    def __iter__(self) -> Iterator[str]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)


EMPTY = ResourceSet({}, "empty")
_MASK = 2**64 - 1


def content_hash(data: bytes) -> str:
    """The version of some bytes: stable over restarts and replicas."""
    return blake2b(data, digest_size=8).hexdigest()


def pack(type_url: TypeUrl, value: bytes) -> bytes:
    """The serialized `google.protobuf.Any` around a serialized message."""
    url = type_url.encode()
    return b"".join((b"\x0a", varint(len(url)), url, b"\x12", varint(len(value)), value))


def resource(type_url: TypeUrl, name: str, message: Message, origins: Iterable[Origin] = ()) -> Resource:
    """Packs a protobuf message. Serialization is deterministic, so equal messages have equal versions."""
    return resource_of_bytes(type_url, name, message.SerializeToString(deterministic=True), origins)


def resource_of_bytes(type_url: TypeUrl, name: str, value: bytes, origins: Iterable[Origin] = ()) -> Resource:
    """Packs a message that is serialized already."""
    body = pack(type_url, value)
    return Resource(name, body, content_hash(body), tuple(dict.fromkeys(origins)))


def resource_set(resources: Iterable[Resource]) -> ResourceSet:
    """A set of them; of two with one name the first stays. Its version depends on names and contents, not on order."""
    by_name: dict[str, Resource] = {}
    for each in resources:
        by_name.setdefault(each.name, each)
    return ResourceSet(by_name, _version(by_name))


def revise(known: ResourceSet, edits: Mapping[str, Resource | None]) -> ResourceSet:
    """The set with some resources replaced, added, or (None) taken out; the same as one made of all of them."""
    by_name = dict(known.resources)
    total = int(known.version, 16) if by_name else 0
    for name, each in edits.items():
        before = by_name.pop(name, None)
        total -= before.mark if before is not None else 0
        if each is not None:
            by_name[name] = each
            total += each.mark
    return ResourceSet(by_name, f"{total & _MASK:016x}")


def _version(by_name: Mapping[str, Resource]) -> str:
    """A sum: it does not depend on order, and what each resource adds is known beforehand."""
    return f"{sum(each.mark for each in by_name.values()) & _MASK:016x}"


def varint(number: int) -> bytes:
    """Protobuf's base-128 encoding of a non-negative number."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
