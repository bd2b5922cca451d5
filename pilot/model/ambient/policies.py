"""Which authorizations ztunnel enforces for a workload, and what PeerAuthentications mean to it.

In: an `AmbientMesh`. Out: names, and `Denial`s: what is refused for want of mutual TLS. Workloads name only policies
with selectors; ztunnel applies those of a namespace or of the mesh itself. Source: xDS behaviour 8.6.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.authorization_rules import Authorization
from pilot.model.label_selection import matches
from pilot.model.peer_authentication import MtlsMode, PeerAuthentication
from pilot.model.peer_authentications import PeerAuthentications, WorkloadPolicy
from pilot.model.waypoint import Waypoint

STATIC_STRICT: Final = "istio_converted_static_strict"
_CONVERTED: Final = "converted_peer_authentication_"
_ALLOW_WAYPOINT: Final = "istio_allow_waypoint_"
_ENFORCED: Final = (AuthorizationAction.ALLOW, AuthorizationAction.DENY)


@dataclass(frozen=True, slots=True)
class PortMatch:
    """Connections to a port or to another one than it; `without_identity`: only those without a client certificate."""

    port: int = 0
    """0: whichever."""
    negated: bool = False
    without_identity: bool = False


@dataclass(frozen=True, slots=True)
class Denial:
    """What is refused: all of `rules` hold, of each one of the matches."""

    namespace: str
    name: str
    rules: tuple[tuple[PortMatch, ...], ...]


_NO_IDENTITY: Final = (PortMatch(without_identity=True),)


def is_sent(policy: Authorization, mesh: AmbientMesh) -> bool:
    """Whether ztunnels are told of a policy: it may say no more than who may connect, and not to a waypoint alone."""
    if policy.attachment.targets or policy.action not in _ENFORCED:
        return False
    return not policy.dry_run or mesh.settings.features.ambient_dry_run


def denials(mesh: AmbientMesh) -> Iterator[Denial]:
    """What all PeerAuthentications together refuse."""
    peers = mesh.peers
    if mesh.store.kinds.get(PeerAuthentication.KIND):
        yield Denial(mesh.settings.mesh.root_namespace, STATIC_STRICT, (_NO_IDENTITY,))
    for namespace in sorted(peers.workloads):
        for policy in peers.workloads[namespace]:
            rules = _port_rules(policy, peers.namespace_mode(namespace))
            if rules:
                yield Denial(namespace, _CONVERTED + policy.origin.name, rules)


def _port_rules(policy: WorkloadPolicy, inherited: MtlsMode) -> tuple[tuple[PortMatch, ...], ...]:
    """What a policy refuses beyond what `STATIC_STRICT` does; nothing where that or nothing is enough."""
    mode = inherited if policy.mode is MtlsMode.UNSET else policy.mode
    if mode is not MtlsMode.STRICT:
        strict = sorted(port for port, each in policy.ports.items() if each is MtlsMode.STRICT)
        return (tuple(PortMatch(port, without_identity=True) for port in strict),) if strict else ()
    open_ports = sorted(port for port, each in policy.ports.items() if each in (MtlsMode.PERMISSIVE, MtlsMode.DISABLE))
    if not open_ports:
        return ()
    exceptions = tuple((PortMatch(port, negated=True),) for port in open_ports)
    own = (_NO_IDENTITY,) if policy.mode is MtlsMode.STRICT else ()
    return (*own, *exceptions, _NO_IDENTITY)


def names_for(mesh: AmbientMesh, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The AuthorizationPolicies with selectors that hold for a workload; without labels all of its namespace."""
    found: list[str] = []
    for place in dict.fromkeys((mesh.settings.mesh.root_namespace, namespace)):
        here = mesh.policies.authorizations.namespaces.get(place)
        if here is None:
            continue
        selected = [each for _, each in here.selecting.matching(labels)]
        if not labels:
            selected = [each for each in here.all if each.attachment.selector]
        found += [f"{place}/{each.key.name}" for each in selected if is_sent(each, mesh)]
    return tuple(sorted(found))


def mtls_names_for(mesh: AmbientMesh, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The denials of plaintext that hold for a workload: its own policy's, else of everything where mTLS is strict."""
    mode, peers = mesh.peers.namespace_mode(namespace), mesh.peers
    policy = _policy_of(peers, namespace, labels)
    if policy is not None:
        if _port_rules(policy, mode):
            return (f"{namespace}/{_CONVERTED}{policy.origin.name}",)
        mode = mode if policy.mode is MtlsMode.UNSET else policy.mode
    return (f"{mesh.settings.mesh.root_namespace}/{STATIC_STRICT}",) if mode is MtlsMode.STRICT else ()


def _policy_of(peers: PeerAuthentications, namespace: str, labels: Mapping[str, str]) -> WorkloadPolicy | None:
    found = (each for each in peers.workloads.get(namespace, ()) if matches(each.selector, labels))
    return next(found, None)


def allow_name(waypoint: Waypoint) -> str:
    """The name of the authorization that lets a waypoint in (PILOT_AUTO_ALLOW_WAYPOINT_POLICY)."""
    return f"{_ALLOW_WAYPOINT}{waypoint.namespace}_{waypoint.name}"
