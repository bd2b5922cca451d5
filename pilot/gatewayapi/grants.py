"""Who may refer to objects of another namespace.

In: ReferenceGrants. Out: an answer for one reference. Source: installation 9.6.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.gatewayapi.gateway import GROUP
from pilot.gatewayapi.policy import ReferenceGrant

LISTENER_SETS = "gateway.networking.x-k8s.io"


@dataclass(frozen=True, slots=True)
class Referrer:
    """An object that refers to others."""

    kind: str
    """As documents say it: `Gateway`, `HTTPRoute`."""
    namespace: str
    group: str = GROUP


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants of the mesh. `allowed`: (referrer, namespace, group, kind, name); an empty name: every object."""

    allowed: frozenset[tuple[Referrer, str, str, str, str]] = frozenset()

    def permits(self, referrer: Referrer, namespace: str, group: str, kind: str, name: str) -> bool:
        """Whether the reference may be followed; always within a namespace."""
        if namespace == referrer.namespace:
            return True
        group = "" if group == "core" else group
        return any((referrer, namespace, group, kind, each) in self.allowed for each in (name, ""))


def build(declared: Iterable[ReferenceGrant]) -> Grants:
    """The grants of these objects."""
    return Grants(
        frozenset(
            (
                Referrer(source.kind, source.namespace, source.group),
                each.namespace,
                "" if target.group == "core" else target.group,
                target.kind,
                target.name,
            )
            for each in declared
            for source in each.spec.from_
            for target in each.spec.to
        )
    )
