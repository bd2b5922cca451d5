"""Listener filters: what looks at a connection before a filter chain is chosen.

In: what the chains of a listener match on, by port. Out: serialized `ListenerFilter` messages, in order.
Source: xDS behaviour 4.3, 4.4 (listener filters), appendix A.11.
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.listener.v3.listener_components_pb2 import ListenerFilterChainMatchPredicate
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.original_src.v3.original_src_pb2 import OriginalSrc
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.wire import LISTENER_FILTER_CONFIG, embed, extension, serialize

FIELD: Final = 9
"""Field of `listener_filters` in a listener."""

_DISABLED: Final = 4  # field of ListenerFilter
_MARK: Final = 1337  # of packets that the proxy sends itself; iptables rules of TPROXY know it
_Predicate = ListenerFilterChainMatchPredicate


def _plain(name: str, config: Any) -> bytes:
    return extension(name, config, field=LISTENER_FILTER_CONFIG).body


ORIGINAL_DST: Final = _plain("envoy.filters.listener.original_dst", OriginalDst())
ORIGINAL_SRC: Final = _plain("envoy.filters.listener.original_src", OriginalSrc(mark=_MARK))
HTTP_INSPECTOR: Final = _plain("envoy.filters.listener.http_inspector", HttpInspector())
TLS_INSPECTOR: Final = _plain(
    "envoy.filters.listener.tls_inspector", TlsInspector(initial_read_buffer_size=UInt32Value(value=512))
)
PROXY_PROTOCOL: Final = _plain("envoy.filters.listener.proxy_protocol", ProxyProtocol())


def tls_inspector(needs: Mapping[int, bool]) -> bytes | None:
    """The TLS inspector, turned off for ports that have no use for it; None where nothing needs it.

    `needs` says for each destination port whether it is needed; port 0 stands for all that are not listed.
    """
    if needs.get(0, False):
        return TLS_INSPECTOR + disabled_for(needs)
    wanted = [port for port in sorted(needs) if needs[port]]
    return TLS_INSPECTOR + _disabled(_Predicate(not_match=_any_of(wanted))) if wanted else None


def http_inspector(needs: Mapping[int, bool]) -> bytes | None:
    """The HTTP inspector likewise; port 0 is turned off like any other."""
    return HTTP_INSPECTOR + disabled_for(needs) if any(needs.values()) else None


def disabled_for(needs: Mapping[int, bool]) -> bytes:
    """The field that turns a filter off for ports that do not need it."""
    idle = [port for port in sorted(needs) if not needs[port]]
    return _disabled(_any_of(idle)) if idle else b""


def _any_of(ports: list[int]) -> Any:
    rules = [_Predicate(destination_port_range=Int32Range(start=port, end=port + 1)) for port in ports]
    return rules[0] if len(rules) == 1 else _Predicate(or_match=_Predicate.MatchSet(rules=rules))


def _disabled(predicate: Any) -> bytes:
    return embed(_DISABLED, serialize(predicate))
