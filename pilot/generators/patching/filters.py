"""Patches of filters: those of a listener, of a filter chain, and those within HTTP connection managers.

In: a parsed listener or filter chain, patches. Out: the same message, changed, and an account of what was done.
Source: xDS behaviour 7.1 (LISTENER_FILTER, NETWORK_FILTER, HTTP_FILTER).
"""

from collections.abc import Callable, Sequence
from typing import Any

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from pilot.generators.patching import routes
from pilot.generators.patching.merging import MergeError, merged_any
from pilot.generators.patching.messages import unpack
from pilot.generators.patching.order import arrange
from pilot.generators.patching.places import (
    HCM,
    filter_name,
    listener_filter_name,
    means_chain,
    means_listener,
    sub_filter_name,
)
from pilot.generators.patching.plan import Plan, Step
from pilot.generators.patching.tally import Tally
from pilot.model.envoy_filter import ApplyTo, Operation, PatchContext
from pilot.model.filter_names import means_filter

Named = Callable[[Step], str]


def patch_listener_filters(listener: Any, context: PatchContext, plan: Plan, tally: Tally) -> None:
    """Patches the listener filters."""
    steps = plan.steps.get(ApplyTo.LISTENER_FILTER, ())
    meant = [each for each in steps if each.fits(context) and means_listener(each, listener)]
    _arrange(listener.listener_filters, meant, listener_filter_name, tally)
    _merge_all(listener.listener_filters, meant, listener_filter_name, tally, needs_name=True)


def patch_network_filters(listener: Any, chain: Any, context: PatchContext, plan: Plan, tally: Tally) -> None:
    """Patches the network filters of a chain, and the HTTP filters within its connection managers."""
    meant = _meant(ApplyTo.NETWORK_FILTER, listener, chain, context, plan)
    _arrange(chain.filters, meant, filter_name, tally)
    _merge_all(chain.filters, meant, filter_name, tally)
    http = _meant(ApplyTo.HTTP_FILTER, listener, chain, context, plan)
    inside = routes.of_inbound(context, plan)
    for each in chain.filters:
        if each.name == HCM and each.HasField("typed_config") and (http or inside):
            wanted = [step for step in http if _named(filter_name(step))(each)]
            _patch_manager(each, wanted, context, plan, tally)


def _meant(target: ApplyTo, listener: Any, chain: Any, context: PatchContext, plan: Plan) -> list[Step]:
    return [
        each
        for each in plan.steps.get(target, ())
        if each.fits(context) and means_listener(each, listener) and means_chain(each, listener, chain)
    ]


def _patch_manager(network_filter: Any, meant: Sequence[Step], context: PatchContext, plan: Plan, tally: Tally) -> None:
    """Patches what is within a connection manager: routes, then filters."""
    manager = unpack(network_filter.typed_config)
    if not isinstance(manager, HttpConnectionManager):
        return
    if manager.HasField("route_config"):
        routes.patch_routes(manager.route_config, context, plan, tally)
    _arrange(manager.http_filters, meant, sub_filter_name, tally)
    _merge_all(manager.http_filters, meant, sub_filter_name, tally)
    network_filter.typed_config.value = manager.SerializeToString(deterministic=True)


def _arrange(filters: Any, steps: Sequence[Step], name_of: Named, tally: Tally) -> None:
    """Applies everything but merges, patch by patch, to a repeated field of filters."""
    for step in steps:
        if step.operation is Operation.MERGE:
            continue
        name = name_of(step)
        now, times = arrange(list(filters), step.operation, step.value, _named(name), named=bool(name))
        if times:
            copied = [_copy(each) for each in now]
            del filters[:]
            filters.extend(copied)
            tally.count(step)


def _named(name: str) -> Callable[[Any], bool]:
    return lambda each: not name or means_filter(name, each.name)


def _copy(message: Any) -> Any:
    made = type(message)()
    made.CopyFrom(message)
    return made


def _merge_all(filters: Any, steps: Sequence[Step], name_of: Named, tally: Tally, *, needs_name: bool = False) -> None:
    merges = [each for each in steps if each.operation is Operation.MERGE and (name_of(each) or not needs_name)]
    for each in filters if merges else ():
        for step in merges:
            if _named(name_of(step))(each):
                _merge_filter(each, step, tally)


def _merge_filter(target: Any, step: Step, tally: Tally) -> None:
    """Merges the configuration, and nothing else; the patch may give the filter another name, but for a listener's."""
    if not target.HasField("typed_config"):
        return
    value = step.value
    try:
        if value.HasField("typed_config"):
            target.typed_config.CopyFrom(merged_any(target.typed_config, value.typed_config))
    except MergeError as error:
        tally.fail(step, f"{error}, at filter {target.name}")
        return
    if value.name and step.patch.apply_to is not ApplyTo.LISTENER_FILTER:
        target.name = value.name
    tally.count(step)
