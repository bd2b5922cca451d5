"""MeshNetworks as decoded: which endpoints are in which network, and the gateways between them. Pure data.

Source: operations 15.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Message, OneOfMessage, UInt32


class NetworkEndpoints(OneOfMessage, frozen=True):
    """`Network.NetworkEndpoints`: by address, or by cluster id."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("from_cidr", "from_registry"),)

    from_cidr: str | None = None
    from_registry: str | None = None


class IstioNetworkGateway(OneOfMessage, frozen=True):
    """`Network.IstioNetworkGateway`: by address, or the Service whose external addresses are used."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("registry_service_name", "address"),)

    registry_service_name: str | None = None
    address: str | None = None
    port: UInt32 = 0
    locality: str = ""


class Network(Message, frozen=True):
    """One network."""

    endpoints: tuple[NetworkEndpoints, ...] = ()
    gateways: tuple[IstioNetworkGateway, ...] = ()


class MeshNetworks(Message, frozen=True):
    """Networks by name."""

    networks: Mapping[str, Network] = field(default_factory=dict)
