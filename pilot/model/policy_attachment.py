"""Which policies belong to a workload: by namespace, labels and targets.

In: policies with what they say about their place. Out: for a workload, those that belong to it, root namespace first,
oldest first. Knows nothing of what they say. Source: xDS behaviour 7.0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from pilot.model.draft import Draft
from pilot.model.label_selection import SelectorIndex
from pilot.model.objects import ObjectKey
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.selectors import WorkloadSelector
from pilot.resources import Origin

GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
"""Label of the workloads that belong to a Gateway of Gateway API."""
_GATEWAY: Final = ("gateway.networking.k8s.io", "Gateway")
_GATEWAY_CLASS: Final = ("gateway.networking.k8s.io", "GatewayClass", "istio-waypoint")
_TARGETS: Final = frozenset(
    {_GATEWAY, _GATEWAY_CLASS[:2], ("", "Service"), ("core", "Service"), ("networking.istio.io", "ServiceEntry")}
)
Named = tuple[str, str, str]
"""What a policy may name: group, kind, name."""


class Placed(Protocol):
    """The part of a policy's `spec` that says where it belongs."""

    @property
    def selector(self) -> WorkloadSelector | None: ...
    @property
    def target_ref(self) -> PolicyTargetReference | None: ...
    @property
    def target_refs(self) -> tuple[PolicyTargetReference, ...]: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a policy belongs: in its namespace (the root: everywhere) to what has these labels, or to these targets."""

    namespace: str
    selector: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[PolicyTargetReference, ...] = ()

    @classmethod
    def of(cls, namespace: str, spec: Placed) -> "Attachment":
        """As the policy says it; `targetRef` counts where `targetRefs` is empty."""
        targets = spec.target_refs or ((spec.target_ref,) if spec.target_ref is not None else ())
        return cls(namespace, spec.selector.match_labels if spec.selector is not None else {}, targets)

    def named(self) -> tuple[Named, ...]:
        """What it targets: Gateways, classes of them, Services, ServiceEntries."""
        own = ("", self.namespace)
        found = (each for each in self.targets if (each.group, each.kind) in _TARGETS and each.namespace in own)
        return tuple(dict.fromkeys((each.group.removeprefix("core"), each.kind, each.name) for each in found))


class Attachable(Protocol):
    """A policy."""

    @property
    def key(self) -> ObjectKey: ...
    @property
    def created(self) -> str: ...
    @property
    def attachment(self) -> Attachment: ...


P = TypeVar("P", bound=Attachable)
Numbered = tuple[int, P]


@dataclass(frozen=True, slots=True)
class WorkloadPlace:
    """What attachment depends on."""

    namespace: str
    labels: Mapping[str, str]
    is_waypoint: bool = False
    selectors_reach_gateways: bool = True
    """ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY."""
    service: Origin | None = None
    """Waypoints: the Service or ServiceEntry that traffic is for."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Others than the workload's own in which there may be policies for it."""
        return (self.service.namespace,) if self.service is not None and self.is_waypoint else ()

    def named(self, namespace: str, *, is_root: bool) -> tuple[Named, ...]:
        """What policies of a namespace may name to mean it."""
        found: list[Named] = []
        gateway = self.labels.get(GATEWAY_NAME, "")
        if gateway and namespace == self.namespace:
            found.append((*_GATEWAY, gateway))
        if self.is_waypoint and is_root:
            found.append(_GATEWAY_CLASS)
        if self.service is not None and self.is_waypoint and self.service.namespace == namespace:
            group = "" if self.service.kind == "Service" else "networking.istio.io"
            found.append((group, self.service.kind, self.service.name))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NamespacePolicies(Generic[P]):
    """The policies of one namespace; numbers are their order."""

    all: tuple[P, ...]
    general: tuple[Numbered[P], ...]
    """For every workload."""
    selecting: SelectorIndex[Numbered[P]]
    targeting: Mapping[Named, tuple[Numbered[P], ...]]
    """By what they name."""

    @classmethod
    def of(cls, policies: Iterable[P]) -> "NamespacePolicies[P]":
        """In order of creation time, then name."""
        ordered = tuple(sorted(policies, key=lambda each: (each.created, each.key.name)))
        placed = [(number, each) for number, each in enumerate(ordered) if not each.attachment.targets]
        targeting: dict[Named, list[Numbered[P]]] = {}
        for number, each in enumerate(ordered):
            for name in each.attachment.named():
                targeting.setdefault(name, []).append((number, each))
        return cls(
            ordered,
            tuple(each for each in placed if not each[1].attachment.selector),
            SelectorIndex.of((each[1].attachment.selector, each) for each in placed),
            {name: tuple(found) for name, found in targeting.items()},
        )

    def select(self, place: WorkloadPlace, named: Iterable[Named]) -> tuple[P, ...]:
        """Those for a workload; `named`: what policies here may name to mean it."""
        found: list[Numbered[P]] = []
        if not place.is_waypoint and (GATEWAY_NAME not in place.labels or place.selectors_reach_gateways):
            found += self.general
            found += self.selecting.matching(place.labels)
        for each in named:
            found += self.targeting.get(each, ())
        return tuple(policy for _, policy in sorted(dict(found).items()))


@dataclass(frozen=True, slots=True)
class Policies(Generic[P]):
    """All policies of a kind."""

    namespaces: Mapping[str, NamespacePolicies[P]] = field(default_factory=dict)

    def all(self) -> Iterable[P]:
        """Every one, by namespace."""
        for namespace in sorted(self.namespaces):
            yield from self.namespaces[namespace].all

    def of(self, root_namespace: str, place: WorkloadPlace) -> tuple[P, ...]:
        """Those for a workload: of the root namespace, then of its own, then of the service that it stands for."""
        found: tuple[P, ...] = ()
        for namespace in dict.fromkeys((root_namespace, place.namespace, *place.namespaces)):
            here = self.namespaces.get(namespace)
            if here is not None:
                found += here.select(place, place.named(namespace, is_root=namespace == root_namespace))
        return found


def update(index: Policies[P], fresh: Mapping[str, Iterable[P]]) -> Policies[P]:
    """The index with these namespaces as they are now; policies that say the same stay the same objects."""
    namespaces = Draft(index.namespaces)
    for namespace, policies in fresh.items():
        before = index.namespaces.get(namespace)
        known = {each.key: each for each in before.all} if before is not None else {}
        now = [known[each.key] if known.get(each.key) == each else each for each in policies]
        if len(now) == len(known) and all(known.get(each.key) is each for each in now):
            continue
        namespaces.set(namespace, NamespacePolicies.of(now) if now else None)
    done = namespaces.finish()
    return index if done is index.namespaces else Policies(done)
