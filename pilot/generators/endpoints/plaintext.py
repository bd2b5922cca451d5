"""Which workloads of a namespace do not want mutual TLS, although they have a sidecar.

In: PeerAuthentications, a namespace. Out: a `Plaintext`; equal ones are the same object, so that a change of
PeerAuthentication remakes endpoints only where it turns mutual TLS on or off. Source: xDS behaviour 6.2, 7.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.interning import Interner
from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications, WorkloadPolicy

Selector = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plaintext:
    """The workloads of one namespace that disable mutual TLS."""

    everywhere: bool
    """What holds for workloads without a policy of their own."""
    policies: tuple[tuple[Selector, bool, tuple[tuple[int, bool], ...]], ...] = ()
    """Labels, whether it is disabled for them, exceptions by port; the first that matches counts."""

    def wanted_by(self, labels: Mapping[str, str], port: int) -> bool:
        """Whether a workload with these labels disables mutual TLS on a port."""
        for selector, disabled, ports in self.policies:
            if all(labels.get(name) == value for name, value in selector):
                return dict(ports).get(port, disabled)
        return self.everywhere


_INTERNED: Interner[Plaintext] = Interner(4096)


@memoized(size=16_384)
def plaintext_of(authentications: PeerAuthentications, namespace: str) -> Plaintext:
    """What PeerAuthentications say about the workloads of a namespace."""
    base = authentications.namespace_mode(namespace) is MtlsMode.DISABLE
    policies = tuple(_policy(each, base) for each in authentications.workloads.get(namespace, ()))
    if not base and not any(disabled or any(off for _, off in ports) for _, disabled, ports in policies):
        policies = ()
    made = Plaintext(base, policies)
    return _INTERNED.same(made, made)


def _policy(declared: WorkloadPolicy, base: bool) -> tuple[Selector, bool, tuple[tuple[int, bool], ...]]:
    disabled = base if declared.mode is MtlsMode.UNSET else declared.mode is MtlsMode.DISABLE
    ports = tuple(
        (port, disabled if mode is MtlsMode.UNSET else mode is MtlsMode.DISABLE)
        for port, mode in sorted(declared.ports.items())
    )
    return tuple(sorted(declared.selector.items())), disabled, ports
