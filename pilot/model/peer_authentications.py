"""Which mTLS mode servers enforce and clients expect.

In: decoded PeerAuthentications. Out: modes of namespaces and of workloads. Does not know proxies.
Source: xDS behaviour 7.5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pilot.model.interning import Interner
from pilot.model.label_selection import matches
from pilot.model.peer_authentication import MtlsMode, MutualTLS, PeerAuthentication
from pilot.resources import Origin


@dataclass(frozen=True, slots=True)
class InboundMtls:
    """The mTLS mode that servers enforce, with exceptions by port."""

    mode: MtlsMode = MtlsMode.PERMISSIVE
    ports: Mapping[int, MtlsMode] = field(default_factory=dict)

    def for_port(self, port: int) -> MtlsMode:
        """The mode of one workload port."""
        return self.ports.get(port, self.mode)


@dataclass(frozen=True, slots=True)
class WorkloadPolicy:
    """A PeerAuthentication for some workloads of a namespace."""

    origin: Origin
    selector: Mapping[str, str]
    mode: MtlsMode
    ports: Mapping[int, MtlsMode]
    """UNSET stands for the mode of the workload."""


@dataclass(frozen=True, slots=True)
class PeerAuthentications:
    """All PeerAuthentications of the mesh."""

    mesh: MtlsMode = MtlsMode.UNSET
    namespaces: Mapping[str, MtlsMode] = field(default_factory=dict)
    workloads: Mapping[str, tuple[WorkloadPolicy, ...]] = field(default_factory=dict)
    """By namespace, the oldest first."""

    def namespace_mode(self, namespace: str) -> MtlsMode:
        """The mode that clients expect of services of a namespace."""
        return _override(_override(MtlsMode.PERMISSIVE, self.mesh), self.namespaces.get(namespace, MtlsMode.UNSET))

    def workload_mtls(self, namespace: str, labels: Mapping[str, str]) -> InboundMtls:
        """The modes that a workload enforces; the same object for the same modes."""
        base = self.namespace_mode(namespace)
        for policy in self.workloads.get(namespace, ()):
            if matches(policy.selector, labels):
                mode = _override(base, policy.mode)
                return _same({port: _override(mode, each) for port, each in policy.ports.items()}, mode)
        return _same({}, base)


_INTERNED: Interner[InboundMtls] = Interner(1024)


def _same(ports: Mapping[int, MtlsMode], mode: MtlsMode) -> InboundMtls:
    return _INTERNED.same((mode, *sorted(ports.items())), InboundMtls(mode, ports))


def _override(base: MtlsMode, mode: MtlsMode) -> MtlsMode:
    return base if mode is MtlsMode.UNSET else mode


def build(declared: Iterable[PeerAuthentication], root_namespace: str) -> PeerAuthentications:
    """The index of everything that is declared. Of several for the same workloads the oldest counts."""
    namespaces: dict[str, MtlsMode] = {}
    workloads: dict[str, list[WorkloadPolicy]] = {}
    for each in sorted(declared, key=lambda each: (each.created, each.name, each.namespace)):
        selector = each.spec.selector.match_labels if each.spec.selector else {}
        if not selector:
            namespaces.setdefault(each.namespace, _mode(each.spec.mtls))
        elif each.namespace != root_namespace:
            workloads.setdefault(each.namespace, []).append(_policy(each, selector))
    return PeerAuthentications(
        mesh=namespaces.get(root_namespace, MtlsMode.UNSET),
        namespaces=namespaces,
        workloads={namespace: tuple(policies) for namespace, policies in workloads.items()},
    )


def _policy(declared: PeerAuthentication, selector: Mapping[str, str]) -> WorkloadPolicy:
    ports = {int(port): _mode(mtls) for port, mtls in (declared.spec.port_level_mtls or {}).items() if port.isdecimal()}
    return WorkloadPolicy(declared.origin, selector, _mode(declared.spec.mtls), ports)


def _mode(mtls: MutualTLS | None) -> MtlsMode:
    return mtls.mode if mtls else MtlsMode.UNSET
