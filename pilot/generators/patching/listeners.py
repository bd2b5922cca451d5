"""Patches of listeners and of what is in them.

In: one listener as a resource, which side it belongs to, a plan. Out: the listener after the patches; listeners that
patches add. Source: xDS behaviour 7.1 (LISTENER, FILTER_CHAIN, "Order per listener").
"""

from typing import Any, Final

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_pb2 import Listener

from pilot.generators.listeners.terminate import CONNECT_TERMINATE
from pilot.generators.patching import filters, routes
from pilot.generators.patching.clusters import merge_socket
from pilot.generators.patching.merging import MergeError, merge
from pilot.generators.patching.places import means_chain, means_listener
from pilot.generators.patching.plan import Plan, Step
from pilot.generators.patching.tally import Patched, Tally, unharmed
from pilot.generators.patching.wire import message_of, resource_after
from pilot.memo import memoized
from pilot.model.envoy_filter import ApplyTo, Operation, PatchContext
from pilot.resources import Resource, resource
from pilot.type_urls import LISTENER
from pilot.view.proxy import ProxyKind

_INSIDE: Final = (ApplyTo.FILTER_CHAIN, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER)
_ADDS_ANY: Final = frozenset({PatchContext.SIDECAR_OUTBOUND, PatchContext.GATEWAY})
_UNPATCHED: Final = frozenset({"connect_originate", "inner_connect_originate", "outer_connect_originate"})
"""Listeners that open tunnels are made after the patches; those of waypoints are not."""


@memoized(size=65_536)
@unharmed
def patch_listener(made: Resource, kind: ProxyKind, plan: Plan) -> Patched:
    """The listener of this kind of proxy after the patches of a plan."""
    if made.name in _UNPATCHED and kind is not ProxyKind.WAYPOINT:
        return Patched(made)
    listener, tally = message_of(Listener, made), Tally()
    context = _context(listener, kind)
    if not _patch_itself(listener, context, plan, tally):
        return Patched.of(None, tally)
    filters.patch_listener_filters(listener, context, plan, tally)
    if plan.of(*_INSIDE) or routes.of_inbound(context, plan):
        _patch_chains(listener, context, plan, tally)
    return Patched.of(resource_after(LISTENER, made, listener, tally, plan), tally)


def _context(listener: Any, kind: ProxyKind) -> PatchContext:
    if kind is ProxyKind.ROUTER:
        return PatchContext.GATEWAY
    if kind is ProxyKind.WAYPOINT or listener.name == CONNECT_TERMINATE:
        return PatchContext.SIDECAR_INBOUND
    inbound = listener.traffic_direction == TrafficDirection.INBOUND
    return PatchContext.SIDECAR_INBOUND if inbound else PatchContext.SIDECAR_OUTBOUND


def _patch_itself(listener: Any, context: PatchContext, plan: Plan, tally: Tally) -> bool:
    """Merges into the listener; False where a patch removes it."""
    for step in plan.steps.get(ApplyTo.LISTENER, ()):
        if step.operation is Operation.ADD or not step.fits(context) or not means_listener(step, listener):
            continue
        if step.operation is Operation.REMOVE:
            tally.count(step)
            return False
        _merge(listener, step, tally)
    return True


def _patch_chains(listener: Any, context: PatchContext, plan: Plan, tally: Tally) -> None:
    steps = [
        each
        for each in plan.steps.get(ApplyTo.FILTER_CHAIN, ())
        if each.fits(context) and means_listener(each, listener)
    ]
    kept = [each for each in listener.filter_chains if _patch_chain(listener, each, steps, context, plan, tally)]
    for step in steps:
        if step.operation is Operation.ADD:
            kept.append(step.value)
            tally.count(step)
    done = Listener(filter_chains=kept)
    del listener.filter_chains[:]
    listener.filter_chains.extend(done.filter_chains)
    if listener.HasField("default_filter_chain"):
        default = listener.default_filter_chain
        if not _patch_chain(listener, default, steps, context, plan, tally):
            listener.ClearField("default_filter_chain")


def _patch_chain(listener: Any, chain: Any, steps: list[Step], context: PatchContext, plan: Plan, tally: Tally) -> bool:
    """Patches a chain and its filters; False where a patch removes it, or nothing is left in it."""
    if not chain.filters:
        return True
    for step in steps:
        if step.operation is Operation.ADD or not means_chain(step, listener, chain):
            continue
        if step.operation is Operation.REMOVE:
            tally.count(step)
            return False
        _merge_chain(chain, step, tally)
    filters.patch_network_filters(listener, chain, context, plan, tally)
    return bool(chain.filters)


def _merge_chain(chain: Any, step: Step, tally: Tally) -> None:
    """A transport socket goes into the one of that name, and then nothing else of the patch counts."""
    value = step.value
    sockets = value.HasField("transport_socket") and chain.HasField("transport_socket")
    if not sockets or chain.transport_socket.name != value.transport_socket.name:
        _merge(chain, step, tally)
        return
    try:
        merge_socket(chain.transport_socket, value.transport_socket)
        tally.count(step)
    except MergeError as error:
        tally.fail(step, f"{error}, at filter chain {chain.name}")


def _merge(target: Any, step: Step, tally: Tally) -> None:
    try:
        merge(target, step.value)
        tally.count(step)
    except MergeError as error:
        tally.fail(step, f"{error}, at {target.name}")


@memoized(size=1024)
def added_listeners(kind: ProxyKind, plan: Plan) -> tuple[Patched, ...]:
    """The listeners that patches add to a proxy of this kind; those for any context are outbound, or a gateway's."""
    contexts = {
        ProxyKind.SIDECAR: (PatchContext.SIDECAR_OUTBOUND, PatchContext.SIDECAR_INBOUND),
        ProxyKind.ROUTER: (PatchContext.GATEWAY,),
        ProxyKind.WAYPOINT: (PatchContext.SIDECAR_INBOUND,),
    }.get(kind, ())
    made = []
    for context in contexts:
        for step in plan.steps.get(ApplyTo.LISTENER, ()):
            anywhere = step.patch.match.context is PatchContext.ANY
            if step.operation is Operation.ADD and step.fits(context) and (not anywhere or context in _ADDS_ANY):
                tally = Tally()
                tally.count(step)
                found = resource(LISTENER, step.value.name, step.value, (step.patch.origin,))
                made.append(Patched.of(found, tally))
    return tuple(made)
