"""The patches of a class of proxies, ready to be applied: values as messages, by what they apply to.

In: patches in their order, and what the proxy binary has. Out: a `Plan`, made once for each distinct tuple of patches.
What cannot be applied to any proxy of this class is left out, and said. Source: xDS behaviour 7.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from pilot.generators.patching.messages import configuration_type, parse_message
from pilot.memo import memoized
from pilot.model.envoy_filter import ApplyTo, Operation, PatchContext
from pilot.model.envoy_filters import Patch
from pilot.view.proxy import Flavour

_MESSAGES: Final[Mapping[ApplyTo, Any]] = {
    ApplyTo.LISTENER: Listener,
    ApplyTo.LISTENER_FILTER: ListenerFilter,
    ApplyTo.FILTER_CHAIN: FilterChain,
    ApplyTo.NETWORK_FILTER: Filter,
    ApplyTo.HTTP_FILTER: HttpFilter,
    ApplyTo.ROUTE_CONFIGURATION: RouteConfiguration,
    ApplyTo.VIRTUAL_HOST: VirtualHost,
    ApplyTo.HTTP_ROUTE: Route,
    ApplyTo.CLUSTER: Cluster,
    ApplyTo.EXTENSION_CONFIG: TypedExtensionConfig,
    ApplyTo.BOOTSTRAP: Bootstrap,
}
_CONFIGURED: Final = frozenset(
    {ApplyTo.LISTENER_FILTER, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER, ApplyTo.EXTENSION_CONFIG}
)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One patch that can be applied."""

    number: int
    """Its place among the patches of the plan."""
    patch: Patch
    value: Any
    """The message; an empty one for REMOVE. Nobody changes it: copy it before it becomes a part of something."""

    @property
    def operation(self) -> Operation:
        """What it does."""
        return self.patch.operation

    def fits(self, context: PatchContext) -> bool:
        """Whether it is meant for this side."""
        return self.patch.fits_context(context)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a patch does not do what it says, or not all of it."""

    number: int
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The patches of a class of proxies."""

    patches: tuple[Patch, ...]
    steps: Mapping[ApplyTo, tuple[Step, ...]] = field(default_factory=dict)
    """In order."""
    faults: tuple[Fault, ...] = ()
    body_limit: int = 0
    """Of direct responses in every route configuration; 0: as it is."""

    def of(self, *targets: ApplyTo) -> bool:
        """Whether there are patches of some of these."""
        return any(target in self.steps for target in targets)


NO_PLAN: Final = Plan(())


def plan_of(patches: tuple[Patch, ...], flavour: Flavour, body_limit: int = 0) -> Plan:
    """The plan of these patches; the same object for the same ones."""
    return _plan(patches, flavour, body_limit) if patches or body_limit else NO_PLAN


@memoized(size=512)
def _plan(patches: tuple[Patch, ...], flavour: Flavour, body_limit: int) -> Plan:
    steps: dict[ApplyTo, list[Step]] = {}
    faults: list[Fault] = []
    for number, patch in enumerate(patches):
        value, fault = _parsed(patch)
        if value is not None and patch.operation is not Operation.REMOVE:
            missing = _missing(patch, value, flavour)
            if missing:
                value, fault = None, f"this Envoy does not have {missing}"
        if fault:
            faults.append(Fault(number, fault))
        if value is not None:
            steps.setdefault(patch.apply_to, []).append(Step(number, patch, value))
    return Plan(patches, {target: tuple(each) for target, each in steps.items()}, tuple(faults), body_limit)


@memoized(size=8192)
def _parsed(patch: Patch) -> tuple[Any | None, str]:
    value, fault = parse_message(_MESSAGES[patch.apply_to], patch.value)
    if fault:
        what = "" if value is None else ", and leave out what does not fit"
        fault = f"expected a value of type {_MESSAGES[patch.apply_to].DESCRIPTOR.full_name}{what}: {fault}"
    return value, fault


def _missing(patch: Patch, value: Any, flavour: Flavour) -> str:
    """The type of an extension that this Envoy lacks; it would refuse the listener, and with it all traffic."""
    if not flavour.is_stock or patch.apply_to not in _CONFIGURED or not value.HasField("typed_config"):
        return ""
    url = configuration_type(value.typed_config)
    return "" if flavour.has(url) else url


def fault_of(patch: Patch) -> str:
    """What of a patch does not fit Envoy's messages, whatever the proxy; empty: all of it fits."""
    return _parsed(patch)[1]
