"""Which filter chain of a listener takes a connection.

In: Envoy's Listener, what is known of a connection. Out: a FilterChain. Criteria are looked at one after another, as
Envoy does: chains that name the value of one beat chains that say nothing of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pilot.explain.matching import fits_range


@dataclass(frozen=True, slots=True)
class Connection:
    """What a listener may know."""

    address: str
    """Where it was meant to go."""
    port: int
    server_name: str = ""
    is_tls: bool = False
    protocols: tuple[str, ...] = ()
    """ALPN of TLS, or what the beginning of the stream looks like."""


def find_chain(listener: Any, connection: Connection) -> Any | None:
    """The chain, the default one, or None: the connection is closed."""
    chains = [(each, each.filter_chain_match) for each in listener.filter_chains]
    transport = "tls" if connection.is_tls else "raw_buffer"
    steps: tuple[tuple[Callable[[Any], Any], Callable[[Any], int]], ...] = (
        (lambda m: m.HasField("destination_port"), lambda m: int(m.destination_port.value == connection.port)),
        (lambda m: bool(m.prefix_ranges), lambda m: _within(m.prefix_ranges, connection.address)),
        (lambda m: bool(m.server_names), lambda m: _named(m.server_names, connection.server_name)),
        (lambda m: bool(m.transport_protocol), lambda m: int(m.transport_protocol == transport)),
        (
            lambda m: bool(m.application_protocols),
            lambda m: int(bool(set(m.application_protocols) & set(connection.protocols))),
        ),
    )
    for says, rank in steps:
        ranked = [(rank(match), chain, match) for chain, match in chains if says(match)]
        best = max((each[0] for each in ranked), default=0)
        if best:
            chains = [(chain, match) for value, chain, match in ranked if value == best]
        else:
            chains = [(chain, match) for chain, match in chains if not says(match)]
    if chains:
        return chains[0][0]
    return listener.default_filter_chain if listener.HasField("default_filter_chain") else None


def _within(ranges: Iterable[Any], address: str) -> int:
    """Length of the longest range that has the address, and one more: 0 is none."""
    return max((int(each.prefix_len.value) + 1 for each in ranges if fits_range(each, address)), default=0)


def _named(names: Iterable[str], wanted: str) -> int:
    found = 0
    for each in names:
        if each == wanted:
            return 1000
        if each.startswith("*.") and wanted.endswith(each[1:]):
            found = max(found, len(each))
    return found
