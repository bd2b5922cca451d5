"""PeerAuthentication: who wants mutual TLS, and on which ports.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (PeerAuthentication).
"""

from pilot.model.decoding import Path
from pilot.model.peer_authentication import PeerAuthentication
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, unservable
from pilot.validation.syntax import port_fault


def peer_authentication(checked: PeerAuthentication) -> Findings:
    """Everything that is wrong with a PeerAuthentication."""
    spec = checked.spec
    labels = spec.selector.match_labels if spec.selector is not None else {}
    place: Path = ("spec", "portLevelMtls")
    yield from forms.no_dry_run(checked.metadata)
    yield from forms.selector(
        spec.selector.match_labels if spec.selector else None, ("spec", "selector", "matchLabels")
    )
    if spec.port_level_mtls and not labels:
        yield Finding(place, "expected ports only with a selector: those of a namespace or mesh differ by workload")
    if spec.port_level_mtls == {}:
        yield Finding(place, "expected at least one port, got none")
    for port in spec.port_level_mtls or ():
        if not port.isdecimal() or port_fault(int(port[:9])) is not None:
            yield unservable((*place, port), f'expected a port from 1 to 65535, got "{port[:80]}"')
