"""Listeners of one Gateway that cannot be told apart.

In: listeners with the object that declares each, in order of precedence (the Gateway, then its listener sets, oldest
first). Out: what is wrong with those that contradict others. Within an object nobody wins; between objects the first.
Plain HTTP and TLS may share a port: Envoy tells them apart. Source: Gateway API 1.4 (Listener, distinct listeners).
"""

from collections.abc import Iterable, Mapping

from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import Listener

Place = tuple[str, str, str]
"""Kind, namespace and name of the object that declares listeners."""
_FAMILIES = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}
_PLAIN = frozenset(("HTTP", "TCP"))


def find(listeners: Iterable[tuple[Place, Listener]]) -> Mapping[tuple[Place, str], Fault]:
    """What is wrong, by declaring object and name of the listener."""
    found: dict[tuple[Place, str], Fault] = {}
    claimed: dict[int, list[tuple[Place, Listener]]] = {}
    for place, listener in listeners:
        if listener.protocol not in _FAMILIES:
            continue
        before = claimed.setdefault(listener.port, [])
        for other_place, other in before:
            fault = _conflict(listener, other)
            if fault is None:
                continue
            found.setdefault((place, listener.name), fault)
            if other_place == place:
                found.setdefault((place, other.name), _conflict(other, listener) or fault)
        before.append((place, listener))
    return found


def _conflict(listener: Listener, other: Listener) -> Fault | None:
    """What contradicts another listener of the same port."""
    own, theirs = _FAMILIES[listener.protocol], _FAMILIES[other.protocol]
    if own == theirs:
        if own in ("HTTP", "TLS") and listener.hostname != other.hostname:
            return None
        host = listener.hostname or "*"
        message = f"expected a hostname of its own on port {listener.port}, got {host} as listener {other.name}"
        return Fault(message, Reason.HOSTNAME_CONFLICT)
    if {own, theirs} <= _PLAIN:
        message = f"expected the protocol of listener {other.name} on port {listener.port}, {other.protocol}, got "
        return Fault(message + listener.protocol, Reason.PROTOCOL_CONFLICT)
    return None
