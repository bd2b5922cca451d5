"""Which Sidecar applies to a proxy.

In: decoded Sidecars. Out: the one for a namespace and labels. What it imports is worked out by `view/scope.py`.
Source: xDS behaviour 2.10 (Sidecar selection).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pilot.model.label_selection import matches
from pilot.model.sidecar import Sidecar, SidecarSpec
from pilot.resources import Origin


@dataclass(frozen=True, slots=True)
class ActiveSidecar:
    """A Sidecar without what means nothing to proxies."""

    origin: Origin
    spec: SidecarSpec


@dataclass(frozen=True, slots=True)
class Sidecars:
    """All Sidecars of the mesh."""

    selecting: Mapping[str, tuple[ActiveSidecar, ...]] = field(default_factory=dict)
    """By namespace: those for some workloads, the oldest first."""
    general: Mapping[str, ActiveSidecar] = field(default_factory=dict)
    """By namespace: the oldest of those for every workload."""
    root_namespace: str = "istio-system"

    def find(self, namespace: str, labels: Mapping[str, str]) -> ActiveSidecar | None:
        """The one that applies; None where the default holds."""
        for each in self.selecting.get(namespace, ()):
            if matches(_selector(each), labels):
                return each
        return self.general.get(namespace) or self.general.get(self.root_namespace)


def build(declared: Iterable[Sidecar], root_namespace: str) -> Sidecars:
    """The index of everything that is declared."""
    selecting: dict[str, list[ActiveSidecar]] = {}
    general: dict[str, ActiveSidecar] = {}
    for each in sorted(declared, key=lambda each: (each.created, each.name, each.namespace)):
        active = ActiveSidecar(each.origin, each.spec)
        if _selector(active):
            selecting.setdefault(each.namespace, []).append(active)
        else:
            general.setdefault(each.namespace, active)
    return Sidecars({namespace: tuple(each) for namespace, each in selecting.items()}, general, root_namespace)


def _selector(declared: ActiveSidecar) -> Mapping[str, str]:
    return declared.spec.workload_selector.labels if declared.spec.workload_selector else {}
