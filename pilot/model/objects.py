"""What every configuration object is made of: name, metadata, a decoded spec.

In: decoded documents (sources make them). Out: the base classes of the modules beside this one. Says nothing about
what a kind means, and does not check values beyond their types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field
from msgspec.structs import fields

from pilot.resources import Origin

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UInt64 = Annotated[int, Meta(ge=0)]


def json_name(attribute: str) -> str:
    """The name in YAML of an attribute, by protobuf's rule: `consecutive_5xx_errors` -> `consecutive5xxErrors`."""
    head, *tail = attribute.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


class Message(Struct, frozen=True, rename=json_name, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A message of an Istio API: an unknown field is a mistake.

    Absent scalars have protobuf's defaults, absent messages and wrapped scalars are None.
    """


class OneOfMessage(Message, frozen=True):
    """A message with fields that exclude each other (protobuf's oneof): making one that has two of them fails."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of attributes of which at most one is given."""

    def __post_init__(self) -> None:
        for group in self.ALTERNATIVES:
            given = [name for name in group if getattr(self, name) != _defaults(type(self))[name]]
            if len(given) > 1:
                raise ValueError(alternatives_fault(group, given))


class Fragment(Struct, frozen=True, rename=json_name, omit_defaults=True, gc=False):
    """A part of a core Kubernetes object: what the mesh does not need is not there, and ignored where it occurs."""


class OwnerReference(Fragment, frozen=True):
    """Who made an object."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    controller: bool = False


class Metadata(Fragment, frozen=True):
    """The part of `metadata` that the mesh reads."""

    name: str = ""
    generate_name: str = ""
    """What the name begins with, where an API server made it."""
    namespace: str = ""
    """Empty for kinds without namespaces only."""
    uid: str = ""
    """Given by an API server; empty where somebody wrote the object by hand."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    creation_timestamp: str = ""
    """RFC 3339 as written, or empty; sorts as text."""
    deletion_timestamp: str = ""
    generation: int = 0
    owner_references: tuple[OwnerReference, ...] = ()


@cache
def _defaults(message: type[Struct]) -> Mapping[str, object]:
    return {each.name: each.default for each in fields(message)}


def alternatives_fault(group: tuple[str, ...], given: Sequence[str]) -> str:
    """What to tell who gave two fields of one oneof; attributes."""
    expected = ", ".join(json_name(name) for name in group)
    return f"expected at most one of {expected}, got {' and '.join(json_name(name) for name in given)}"


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Which object. `kind` is the `KIND` of its class: `VirtualService`, `Service`; `namespace` may be empty."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Object(Struct, frozen=True, rename=json_name, omit_defaults=True, gc=False):
    """A configuration object. Subclasses add `spec` and what else they have."""

    KIND: ClassVar[str] = ""

    metadata: Metadata = Metadata()

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """metadata.namespace; empty for kinds without namespaces."""
        return self.metadata.namespace

    @property
    def key(self) -> ObjectKey:
        """Which object it is."""
        return ObjectKey(self.KIND, self.metadata.namespace, self.metadata.name)

    @property
    def origin(self) -> Origin:
        """As resources name the object they were made from."""
        return Origin(self.KIND, self.metadata.namespace, self.metadata.name)

    @property
    def created(self) -> str:
        """Creation time, RFC 3339; empty where it is not known, which sorts first."""
        return self.metadata.creation_timestamp


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one object: its new value, or None when it is gone."""

    key: ObjectKey
    object: Object | None
