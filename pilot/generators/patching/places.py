"""Whether a patch means a listener, a filter chain, a filter: its conditions against what is there.

In: a match as people write it and parsed Envoy messages. Out: yes or no. Source: xDS behaviour 7.1 (table, Rules).
"""

from typing import Any, Final

from pilot.generators.patching.plan import Step
from pilot.model.envoy_filter import ApplyTo, FilterMatch, ListenerMatch

HCM: Final = "envoy.filters.network.http_connection_manager"
_VIRTUAL: Final = frozenset({"virtualInbound", "virtualOutbound"})
"""Listeners of many ports: there a port number means that of a filter chain."""


def means_listener(step: Step, listener: Any) -> bool:
    """Whether a patch means something in this listener, or the listener."""
    match = step.patch.match.listener
    if match is None:
        return True
    if match.name and match.name != listener.name:
        return False
    if step.patch.apply_to is not ApplyTo.LISTENER and listener.name in _VIRTUAL:
        return True
    return not match.port_number or match.port_number == listener.address.socket_address.port_value


def means_chain(step: Step, listener: Any, chain: Any) -> bool:
    """Whether a patch means this filter chain of a listener that it means, or something in it."""
    match = step.patch.match.listener
    if match is None:
        return True
    condition = chain.filter_chain_match
    if listener.name in _VIRTUAL and match.port_number and condition.destination_port.value != match.port_number:
        return False
    wanted = match.filter_chain
    if wanted is None:
        return True
    protocols = [each.strip() for each in wanted.application_protocols.split(",") if each.strip()]
    return (
        wanted.name in ("", chain.name)
        and (not wanted.sni or wanted.sni in condition.server_names)
        and wanted.transport_protocol in ("", condition.transport_protocol)
        and all(each in condition.application_protocols for each in protocols)
        and wanted.destination_port in (0, condition.destination_port.value)
    )


def filter_match(match: ListenerMatch | None) -> FilterMatch | None:
    """What a patch says of the network filter."""
    return match.filter_chain.filter if match is not None and match.filter_chain is not None else None


def filter_name(step: Step) -> str:
    """The network filter that a patch names; empty: any."""
    match = filter_match(step.patch.match.listener)
    return match.name if match is not None else ""


def sub_filter_name(step: Step) -> str:
    """The HTTP filter that a patch names; empty: any."""
    match = filter_match(step.patch.match.listener)
    return match.sub_filter.name if match is not None and match.sub_filter is not None else ""


def listener_filter_name(step: Step) -> str:
    """The listener filter that a patch names; empty: any."""
    match = step.patch.match.listener
    return match.listener_filter if match is not None else ""
