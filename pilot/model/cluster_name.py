"""Cluster names: `outbound|<port>|<subset>|<host>`, and the SNI form `outbound_.<port>_.<subset>_.<host>`.

In: text or parts. Out: the other. Does not know whether such a cluster exists.
Source: xDS behaviour 3.1 (names), 3.9 (SNI form).
"""

from dataclasses import dataclass
from enum import Enum


class Direction(Enum):
    """Which way the traffic of a cluster goes."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    INBOUND_VIP = "inbound-vip"


_DIRECTIONS = {each.value: each for each in Direction}


@dataclass(frozen=True, slots=True)
class ClusterName:
    """The parts of a cluster name; `str()` gives the name."""

    direction: Direction
    port: int
    subset: str
    host: str
    sni: bool = False
    """Written with `_.` between the parts, for clusters of AUTO_PASSTHROUGH gateways."""

    @classmethod
    def parse(cls, text: str) -> "ClusterName | None":
        """The parts of `text`, None where it is no name of this kind (`BlackHoleCluster`, `xds-grpc`)."""
        sni = "|" not in text
        parts = text.split("_." if sni else "|", 3)
        if len(parts) != 4:
            return None
        direction, port, subset, host = parts
        if direction not in _DIRECTIONS or not (port.isascii() and port.isdigit()):
            return None
        return cls(_DIRECTIONS[direction], int(port), subset, host, sni)

    def __str__(self) -> str:
        separator = "_." if self.sni else "|"
        return separator.join((self.direction.value, str(self.port), self.subset, self.host))


def outbound(port: int, host: str, subset: str = "") -> str:
    """The name of the cluster that carries traffic to a service port."""
    return f"outbound|{port}|{subset}|{host}"


def inbound(port: int) -> str:
    """The name of the cluster for a port of the workload itself."""
    return f"inbound|{port}||"


def inbound_vip(port: int, host: str, subset: str) -> str:
    """The name of the cluster of a waypoint for a service behind it; `subset`: `http`, `tcp/v1`."""
    return f"inbound-vip|{port}|{subset}|{host}"


def outbound_sni(port: int, host: str, subset: str = "") -> str:
    """The SNI that names an outbound cluster to a server or an AUTO_PASSTHROUGH gateway."""
    return f"outbound_.{port}_.{subset}_.{host}"
