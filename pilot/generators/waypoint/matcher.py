"""The matcher that chooses a waypoint's filter chain: by address, by port, and where that says nothing, by protocol.

In: services with their parts and addresses, addresses of workloads. Out: a serialized `xds.type.matcher.v3.Matcher`.
What belongs to one service is made once. Source: xDS behaviour 4.12, appendix A.15.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any, Final

from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import (
    ApplicationProtocolInput,
    DestinationIPInput,
    DestinationPortInput,
    FilterStateInput,
)
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.wrappers_pb2 import StringValue, UInt32Value
from xds.core.v3.cidr_pb2 import CidrRange
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.ip_pb2 import IPMatcher
from xds.type.matcher.v3.matcher_pb2 import Matcher

from pilot.generators.envoy.packing import PREFIX, pack
from pilot.generators.envoy.wire import embed, embed_all, serialize, text
from pilot.generators.waypoint.parts import Layer, Part
from pilot.memo import memoized

_Tree = Matcher.MatcherTree
_RANGES: Final = IPMatcher.DESCRIPTOR.fields_by_name["range_matchers"].number
_SNIFFED: Final = ("'h2c'", "'http/1.1'")
"""As the input writes the protocols that the HTTP inspector finds."""


def _input(name: str, config: Any) -> Any:
    return TypedExtensionConfig(name=name, typed_config=pack(config))


_ADDRESS: Final = _input("ip", DestinationIPInput())
_PORT: Final = _input("port", DestinationPortInput())
_PROTOCOL: Final = _input("application-protocol", ApplicationProtocolInput())
_AUTHORITY: Final = _input("authority", FilterStateInput(key="io.istio.connect_authority"))


def build_matcher(ranges: Iterable[bytes], authorities: bytes = b"") -> bytes:
    """The whole; `ranges` and `authorities`, which come first, as the functions below make them."""
    addresses = AnyMessage(type_url=PREFIX + str(IPMatcher.DESCRIPTOR.full_name), value=embed_all(_RANGES, ranges))
    tree = _Tree(input=_ADDRESS, custom_match=TypedExtensionConfig(name="ip", typed_config=addresses))
    by_address = serialize(Matcher(matcher_tree=tree))
    if not authorities:
        return by_address
    by_name = serialize(_Tree(input=_AUTHORITY)) + embed(_Tree.EXACT_MATCH_MAP_FIELD_NUMBER, authorities)
    return embed(Matcher.MATCHER_TREE_FIELD_NUMBER, by_name) + embed(
        Matcher.ON_NO_MATCH_FIELD_NUMBER, embed(Matcher.OnMatch.MATCHER_FIELD_NUMBER, by_address)
    )


@memoized(size=65_536)
def service_range(addresses: str, parts: tuple[Part, ...]) -> bytes:
    """The entry of a service; `addresses`: IP addresses and ranges, a space between them; at least one part."""
    ports = {str(number): _on_port(found) for number, found in _by_port(parts).items()}
    return _range(addresses.split(" "), _tree(_PORT, ports))


@memoized(size=65_536)
def service_authorities(parts: tuple[Part, ...]) -> bytes:
    """The entries of a service by the `host:port` for which a tunnel was opened in another network."""
    entries = (
        text(1, f"{found[0].service.hostname}:{number}") + embed(2, serialize(_on_port(found)))
        for number, found in _by_port(parts).items()
    )
    return embed_all(_Tree.MatchMap.MAP_FIELD_NUMBER, entries)


def _by_port(parts: tuple[Part, ...]) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = {}
    for each in parts:
        found.setdefault(each.port.number, []).append(each)
    return found


@memoized(size=65_536)
def workload_range(address: str, tcp: str, http: str) -> bytes:
    """The entry of a workload, whatever the port: names of chains for bytes and for requests."""
    return _range([address], _sniffed(tcp, http))


def _range(addresses: Sequence[str], inside: Any) -> bytes:
    ranges = [_cidr(each) for each in addresses]
    on_match = Matcher.OnMatch(matcher=inside)
    return serialize(IPMatcher.IPRangeMatcher(ranges=ranges, on_match=on_match))


def _cidr(address: str) -> Any:
    network = ip_network(address, strict=False)
    return CidrRange(address_prefix=str(network.network_address), prefix_len=UInt32Value(value=network.prefixlen))


def _on_port(parts: list[Part]) -> Any:
    names = {each.layer: each.name for each in parts}
    if len(names) == 1:
        return _action(*names.values())
    return Matcher.OnMatch(matcher=_sniffed(names[Layer.TCP], names[Layer.HTTP]))


def _sniffed(tcp: str, http: str) -> Any:
    """Requests where the HTTP inspector has found some, else bytes."""
    found = _tree(_PROTOCOL, {each: _action(http) for each in _SNIFFED})
    found.on_no_match.CopyFrom(_action(tcp))
    return found


def _tree(given: Any, entries: dict[str, Any]) -> Any:
    return Matcher(matcher_tree=_Tree(input=given, exact_match_map=_Tree.MatchMap(map=entries)))


def _action(chain: str) -> Any:
    return Matcher.OnMatch(action=TypedExtensionConfig(name=chain, typed_config=pack(StringValue(value=chain))))
