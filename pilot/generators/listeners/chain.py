"""Filter chains before they are put into a listener: what they match on, and their filters, serialized.

In: conditions and filters. Out: `Chain`s, and their bytes. Source: xDS behaviour 4.3 (chains), 4.4, appendix A.11.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import product
from typing import Any, Final

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.listener.v3.listener_components_pb2 import FilterChain, FilterChainMatch
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.metadata import config_metadata
from pilot.generators.envoy.wire import embed, serialize, text
from pilot.memo import memoized
from pilot.model.service import UNSPECIFIED_ADDRESS
from pilot.resources import Origin

TLS: Final = "tls"
RAW: Final = "raw_buffer"

_MATCH, _NAME = 1, 7  # fields of FilterChain
_CONNECT_TIMEOUT: Final = serialize(FilterChain(transport_socket_connect_timeout=Duration(seconds=15)))


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """Conditions of a chain; all empty: it takes what no other chain takes."""

    transport: str = ""
    protocols: tuple[str, ...] = ()
    """ALPN; every one of the list will do."""
    sni: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    port: int = 0


ANYTHING: Final = ChainMatch()


def normalise_sni(hosts: Sequence[str]) -> tuple[str, ...] | None:
    """Sorted, each once; no condition where every host will do, None where none will.

    Envoy takes wildcards for whole labels at the start only, and makes no difference between capitals and others.
    """
    if not hosts or "*" in hosts:
        return ()
    names = {each.lower(): each for each in sorted(hosts) if is_server_name(each)}
    return tuple(sorted(names.values())) or None


def is_server_name(host: str) -> bool:
    """Whether Envoy can tell this name by SNI: `a.b` or `*.b`."""
    return bool(host) and "*" not in host.removeprefix("*.")


def normalise_cidrs(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """Networks in their shortest form, sorted, each once; what is no address is left out, as is the unspecified one."""
    found = set()
    for each in ranges:
        if each in ("", UNSPECIFIED_ADDRESS):
            continue
        try:
            found.add(str(ip_network(each, strict=False)))
        except ValueError:
            continue
    return tuple(sorted(found))


Condition = tuple[int, str, str, str, str]
"""Port, address range, name, transport, protocol: Envoy refuses a listener in which two chains have one in common."""


def conditions(match: ChainMatch) -> frozenset[Condition]:
    """Every single condition of a chain."""
    return frozenset(
        (match.port, cidr, name.lower(), match.transport, protocol)
        for cidr, name, protocol in product(match.cidrs or ("",), match.sni or ("",), match.protocols or ("",))
    )


def narrow(match: ChainMatch, taken: Set[Condition]) -> ChainMatch | None:
    """What earlier chains have left of a chain's conditions; None: nothing."""
    if taken.isdisjoint(conditions(match)):
        return match
    narrowed = replace(match, sni=tuple(each for each in match.sni if _is_free(replace(match, sni=(each,)), taken)))
    if not match.sni:
        free = tuple(each for each in match.cidrs if _is_free(replace(match, cidrs=(each,)), taken))
        narrowed = replace(match, cidrs=free)
    return narrowed if narrowed.sni or (narrowed.cidrs and not match.sni) else None


def _is_free(match: ChainMatch, taken: Set[Condition]) -> bool:
    return taken.isdisjoint(conditions(match))


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A filter chain."""

    match: ChainMatch
    filters: bytes
    """Serialized `filters` field."""
    name: str = ""
    config: Origin | None = None
    """The object that metadata names."""
    transport_socket: Any | None = None
    connect_timeout: bool = True
    """Of sockets to be opened for it (all but those that the proxy itself is the end of)."""
    origins: tuple[Origin, ...] = ()


@memoized(size=65_536)
def serialize_chain(chain: Chain, as_default: bool) -> bytes:
    """The chain; `as_default`: as the one for everything else, which has neither name nor conditions."""
    known = FilterChain()
    if chain.config is not None:
        known.metadata.CopyFrom(config_metadata(chain.config))
    if chain.transport_socket is not None:
        known.transport_socket.CopyFrom(chain.transport_socket)
    parts = [chain.filters, serialize(known)]
    if not as_default:
        parts.insert(0, text(_NAME, chain.name))
        if chain.match != ANYTHING:
            parts.insert(0, embed(_MATCH, serialize(_build_match(chain.match))))
    if chain.connect_timeout:
        parts.append(_CONNECT_TIMEOUT)
    return b"".join(parts)


def _build_match(match: ChainMatch) -> Any:
    return FilterChainMatch(
        transport_protocol=match.transport,
        application_protocols=match.protocols,
        server_names=match.sni,
        prefix_ranges=[_range(each) for each in match.cidrs],
        destination_port=UInt32Value(value=match.port) if match.port else None,
    )


def _range(cidr: str) -> Any:
    network = ip_network(cidr)
    return CidrRange(address_prefix=str(network.network_address), prefix_len=UInt32Value(value=network.prefixlen))
