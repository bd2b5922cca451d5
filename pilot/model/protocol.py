"""Which protocol a service port speaks, from what its declaration says.

In: names, appProtocol, transport and number of a port. Out: a `PortProtocol`. Does not look at traffic: an unknown
protocol is found out by the proxy.
Source: xDS behaviour 2.3.
"""

from pilot.model.service import PortProtocol

_BY_NAME = {each.value.lower(): each for each in PortProtocol if each is not PortProtocol.UNKNOWN}
_KUBERNETES = {
    "kubernetes.io/h2c": PortProtocol.HTTP2,
    "kubernetes.io/ws": PortProtocol.HTTP,
    "kubernetes.io/wss": PortProtocol.HTTPS,
}
_SERVER_SPEAKS_FIRST = frozenset({25, 53, 3306, 27017})
"""SMTP, DNS, MySQL, MongoDB: sniffing would wait for bytes that the client never sends first."""


def parse_protocol(text: str) -> PortProtocol:
    """The protocol of this name in any case; UNKNOWN for anything else (ServiceEntry, Gateway and Sidecar ports)."""
    return _BY_NAME.get(text.lower(), PortProtocol.UNKNOWN)


def select_protocol(number: int, transport: str, app_protocol: str, name: str) -> PortProtocol:
    """The protocol of a Kubernetes Service port; `transport` is its `protocol` field."""
    if transport == "UDP":
        return PortProtocol.UDP
    declared = app_protocol or name
    if declared in _KUBERNETES:
        return _KUBERNETES[declared]
    lowered = declared.lower()
    if lowered.startswith("grpc-web"):
        return PortProtocol.GRPC_WEB
    found = _BY_NAME.get(lowered.partition("-")[0], PortProtocol.UNKNOWN)
    if found is PortProtocol.UNKNOWN and number in _SERVER_SPEAKS_FIRST:
        return PortProtocol.TCP
    return found
