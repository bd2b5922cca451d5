"""Patches of route configurations, of virtual hosts and of routes.

In: a parsed route configuration, patches. Out: the same message, changed, and an account of what was done.
Source: xDS behaviour 7.1 (ROUTE_CONFIGURATION, VIRTUAL_HOST, HTTP_ROUTE, Rules).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from pilot.generators.patching.merging import MergeError, merge
from pilot.generators.patching.order import arrange
from pilot.generators.patching.plan import Plan, Step
from pilot.generators.patching.tally import Patched, Tally, unharmed
from pilot.generators.patching.wire import message_of, resource_after
from pilot.memo import memoized
from pilot.model.cluster_name import ClusterName
from pilot.model.envoy_filter import (
    ApplyTo,
    Operation,
    PatchContext,
    RouteAction,
    RouteConfigurationMatch,
    RouteMatch,
    VirtualHostMatch,
)
from pilot.resources import Resource, resource
from pilot.type_urls import ROUTE

Ports = Mapping[int, tuple[int, ...]]
"""Of a gateway: the service ports by the port that the proxy listens on."""
_NO_PORTS: Final[Ports] = {}
TARGETS: Final = (ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE)
_ACTIONS: Final = {
    RouteAction.ROUTE: "route",
    RouteAction.REDIRECT: "redirect",
    RouteAction.DIRECT_RESPONSE: "direct_response",
}


@memoized(size=32_768)
@unharmed
def patch_route_configuration(made: Resource, context: PatchContext, plan: Plan, ports: Ports) -> Patched:
    """The route configuration after the patches of a plan."""
    configuration, tally = message_of(RouteConfiguration, made), Tally()
    limited = plan.body_limit and configuration.HasField("max_direct_response_body_size_bytes")
    if limited:
        configuration.max_direct_response_body_size_bytes.value = plan.body_limit
    patch_routes(configuration, context, plan, tally, ports)
    if limited and not tally.applied:
        return Patched.of(resource(ROUTE, made.name, configuration, made.origins), tally)
    return Patched.of(resource_after(ROUTE, made, configuration, tally, plan), tally)


def of_inbound(context: PatchContext, plan: Plan) -> bool:
    """Whether patches mean routes that are part of a listener on this side."""
    steps = (step for target in TARGETS for step in plan.steps.get(target, ()))
    return context is PatchContext.SIDECAR_INBOUND and any(step.fits(context) for step in steps)


def patch_routes(configuration: Any, context: PatchContext, plan: Plan, tally: Tally, ports: Ports = _NO_PORTS) -> None:
    """Patches a route configuration, in RDS or within a listener."""

    def meant(target: ApplyTo) -> list[Step]:
        return [
            each
            for each in plan.steps.get(target, ())
            if each.fits(context) and _means(each.patch.match.route_configuration, configuration.name, context, ports)
        ]

    for step in meant(ApplyTo.ROUTE_CONFIGURATION):
        _merge(configuration, step, tally)
    hosts, inner = meant(ApplyTo.VIRTUAL_HOST), meant(ApplyTo.HTTP_ROUTE)
    if not hosts and not inner:
        return
    kept, removed = [], set()
    for host in configuration.virtual_hosts:
        now = _patch_host(host, hosts, inner, tally)
        if now is not None:
            kept.append(now)
        else:
            removed.add(host.name)
    for step in hosts:
        # istiod: what is removed goes by its name, at last; nobody can bring one of that name back.
        if step.operation is Operation.ADD and step.value.name not in removed:
            kept.append(step.value)
            tally.count(step)
    done = RouteConfiguration(virtual_hosts=kept)
    del configuration.virtual_hosts[:]
    configuration.virtual_hosts.extend(done.virtual_hosts)


def _means(match: RouteConfigurationMatch | None, name: str, context: PatchContext, ports: Ports) -> bool:
    if match is None:
        return True
    if match.name and match.name != name:
        return False
    if context is not PatchContext.GATEWAY:
        return not match.port_number or match.port_number == _sidecar_port(name)
    port, port_name, gateway = _gateway_route(name)
    if match.port_number and match.port_number not in ports.get(port, (port,)):
        return False
    return match.port_name in ("", port_name) and match.gateway in ("", gateway)


def _sidecar_port(name: str) -> int:
    """`80`, `inbound|8080||`; 0 for `host:80`, which no port number means."""
    if name.isascii() and name.isdigit():
        return int(name)
    parts = ClusterName.parse(name)
    return parts.port if parts is not None else 0


def _gateway_route(name: str) -> tuple[int, str, str]:
    """Port, name of the port and `namespace/name` of the Gateway, as far as the name of a gateway's routes says it.

    `http.80`, `https.443.https.gateway.namespace`; a bind address may follow.
    """
    parts = name.split(".")
    port = int(parts[1]) if len(parts) > 1 and parts[1].isascii() and parts[1].isdigit() else 0
    if parts[0] == "https" and len(parts) >= 5:
        return port, parts[2], f"{parts[4]}/{parts[3]}"
    return port, "", ""


def _patch_host(host: Any, steps: Sequence[Step], inner: Sequence[Step], tally: Tally) -> Any | None:
    """The virtual host after the patches, its routes too; None: removed."""
    now = host
    for step in steps:
        if step.operation is Operation.ADD or not _means_host(_host_match(step), now):
            continue
        if step.operation is Operation.REMOVE:
            tally.count(step)
            return None
        if step.operation is Operation.REPLACE:
            now = type(host)()
            now.CopyFrom(step.value)
            tally.count(step)
        else:
            _merge(now, step, tally)
    _patch_host_routes(now, [step for step in inner if _means_host(_host_match(step), now)], tally)
    return now


def _host_match(step: Step) -> VirtualHostMatch | None:
    match = step.patch.match.route_configuration
    return match.vhost if match is not None else None


def _means_host(match: VirtualHostMatch | None, host: Any) -> bool:
    if match is None:
        return True
    return match.name in ("", host.name) and (not match.domain_name or match.domain_name in host.domains)


def _patch_host_routes(host: Any, steps: Sequence[Step], tally: Tally) -> None:
    """Removals and merges first, route by route; then what is added.

    istiod: INSERT_FIRST of a patch that names a route needs that route, and means before all of them.
    """
    if not steps:
        return
    routes = [now for each in host.routes if (now := _patch_route(each, steps, tally)) is not None]
    for step in steps:
        if step.operation not in (Operation.MERGE, Operation.REMOVE):
            match = _route_match(step)
            is_meant = partial(_means_route, match)
            if step.operation is Operation.INSERT_FIRST and match is not None and not any(map(is_meant, routes)):
                continue
            routes, times = arrange(routes, step.operation, step.value, is_meant, named=match is not None)
            if times:
                tally.count(step)
    done = type(host)(routes=routes)
    del host.routes[:]
    host.routes.extend(done.routes)


def _route_match(step: Step) -> RouteMatch | None:
    match = _host_match(step)
    return match.route if match is not None else None


def _means_route(match: RouteMatch | None, route: Any) -> bool:
    if match is None:
        return True
    if match.name and match.name != route.name:
        return False
    action = route.WhichOneof("action")
    return match.action is RouteAction.ANY or action not in _ACTIONS.values() or bool(action == _ACTIONS[match.action])


def _patch_route(route: Any, steps: Sequence[Step], tally: Tally) -> Any | None:
    for step in steps:
        if step.operation in (Operation.MERGE, Operation.REMOVE) and _means_route(_route_match(step), route):
            if step.operation is Operation.REMOVE:
                tally.count(step)
                return None
            _merge(route, step, tally)
    return route


def _merge(target: Any, step: Step, tally: Tally) -> None:
    try:
        merge(target, step.value)
        tally.count(step)
    except MergeError as error:
        tally.fail(step, f"{error}, at {target.name}")
