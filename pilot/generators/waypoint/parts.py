"""The parts into which a waypoint divides a service port: requests, bytes, or both where only traffic can tell.

In: a service. Out: `Part`s, by the names of whose clusters everything about them is called.
Source: xDS behaviour 3.10, 4.12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pilot.memo import memoized
from pilot.model.cluster_name import inbound_vip
from pilot.model.features import Features
from pilot.model.service import PortProtocol, Resolution, Service, ServicePort


class Layer(Enum):
    """What is routed."""

    TCP = "tcp"
    HTTP = "http"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Requests or bytes for one port of a service."""

    service: Service
    port: ServicePort
    layer: Layer

    @property
    def name(self) -> str:
        """Of its cluster and its filter chain."""
        return self.cluster()

    def cluster(self, subset: str = "") -> str:
        """The name of its cluster for a subset."""
        layer = self.layer.value
        return inbound_vip(self.port.number, self.service.hostname, f"{layer}/{subset}" if subset else layer)


@memoized(size=65_536)
def parts_of(service: Service, features: Features) -> tuple[Part, ...]:
    """In order of ports; bytes before requests."""
    return tuple(_parts(service, features))


def _parts(service: Service, features: Features) -> Iterator[Part]:
    for port in service.ports:
        protocol = port.protocol
        if protocol is PortProtocol.UDP or (is_dynamic(service) and not _is_findable(protocol, features)):
            continue
        if protocol.is_tcp or protocol.is_sniffed:
            yield Part(service, port, Layer.TCP)
        if protocol.is_http or protocol.is_sniffed:
            yield Part(service, port, Layer.HTTP)


def is_dynamic(service: Service) -> bool:
    """Whether names are resolved as they are asked for."""
    return service.resolution is Resolution.DYNAMIC_DNS


def _is_findable(protocol: PortProtocol, features: Features) -> bool:
    """Whether the name that a client means can be seen in what it sends."""
    return protocol.is_http or (protocol.is_tls and features.wildcard_tls_entries)
