"""Where listeners listen: Envoy addresses, and the names that Istio gives listeners.

In: bind addresses and ports. Out: `Address` messages and names. Source: xDS behaviour 4 (names).
"""

from typing import Any, Final

from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress

UNIX: Final = "unix://"


def listener_name(bind: str, port: int) -> str:
    """`0.0.0.0_80`; `unix:///path_0`."""
    return f"{bind}_{0 if bind.startswith(UNIX) else port}"


def datagrams_on(bind: str, port: int) -> Any:
    """The UDP address of an IP address and port."""
    address = SocketAddress(protocol=SocketAddress.UDP, address=bind, port_value=port)
    return Address(socket_address=address)


def listen_on(bind: str, port: int) -> Any:
    """The address of an IP address and port, or of a Unix socket."""
    if bind.startswith(UNIX):
        return Address(pipe=Pipe(path=bind.removeprefix(UNIX)))
    return Address(socket_address=SocketAddress(address=bind, port_value=port))


def additional(binds: tuple[str, ...], port: int) -> list[Any]:
    """Further addresses of the same listener."""
    return [AdditionalAddress(address=listen_on(bind, port)) for bind in binds]
