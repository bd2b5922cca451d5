"""The filters of WasmPlugins: each asks for its configuration by name (ECDS), so that a new one drains no listener.

In: plugins in their order, a side of the proxy, a port. Out: HTTP filters by slot, network filters in order.
Source: xDS behaviour 4.5, 7.2, appendix A.20.
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    ExtensionConfigSource,
)
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac_pb2
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm as HttpWasm
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac_pb2
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from google.protobuf.duration_pb2 import Duration

from pilot.generators.envoy.http_filters import Extra, Side, Slot
from pilot.generators.envoy.packing import PREFIX
from pilot.generators.envoy.wire import Extension, embed, serialize, text
from pilot.memo import memoized
from pilot.model.telemetry import WorkloadMode
from pilot.model.wasm_plugin import FailStrategy, PluginPhase, PluginType, TrafficSelector
from pilot.model.wasm_plugins import CheckedPlugin

Ordered = tuple[CheckedPlugin, ...]

_SLOTS: Final[Mapping[PluginPhase, Slot]] = {
    PluginPhase.AUTHN: Slot.WASM_AUTHENTICATION,
    PluginPhase.AUTHZ: Slot.WASM_AUTHORIZATION,
    PluginPhase.STATS: Slot.WASM_STATS,
    PluginPhase.UNSPECIFIED_PHASE: Slot.WASM_UNSPECIFIED,
}
_GUARDS: Final = frozenset({PluginPhase.AUTHN, PluginPhase.AUTHZ})
_CONFIG_DISCOVERY: Final = 5  # field of HTTP and network filters
_ADS: Final = ConfigSource(
    ads=AggregatedConfigSource(), initial_fetch_timeout=Duration(), resource_api_version=ApiVersion.V3
)


def wasm_type(plugin: CheckedPlugin) -> str:
    """The type URL of a plugin's configuration."""
    kind = NetworkWasm if is_network(plugin) else HttpWasm
    return PREFIX + str(kind.DESCRIPTOR.full_name)


def is_network(plugin: CheckedPlugin) -> bool:
    """Whether a plugin filters bytes and not requests."""
    return plugin.spec.type is PluginType.NETWORK


def with_plugins(base: Extra, plugins: Ordered, side: Side, port: int) -> Extra:
    """HTTP filters by slot, with those of plugins for traffic to this port; port 0: a chain for many."""
    return _with_plugins(base, plugins, side, port) if plugins else base


@memoized(size=16_384)
def _with_plugins(base: Extra, plugins: Ordered, side: Side, port: int) -> Extra:
    found: dict[Slot, list[Extension]] = {}
    for each in plugins:
        if not is_network(each) and _is_meant(each, side, port):
            found.setdefault(_SLOTS[each.spec.phase], []).append(_filter(each))
    return {**base, **{slot: tuple(each) for slot, each in found.items()}} if found else base


def network_filters(plugins: Ordered, side: Side, port: int, *phases: PluginPhase) -> tuple[Extension, ...]:
    """Network filters of plugins of some phases for traffic to this port; without phases, of all in their order."""
    return _network_filters(plugins, side, port, phases or _PHASES) if plugins else ()


_PHASES: Final = (PluginPhase.AUTHN, PluginPhase.AUTHZ, PluginPhase.STATS, PluginPhase.UNSPECIFIED_PHASE)


@memoized(size=16_384)
def _network_filters(plugins: Ordered, side: Side, port: int, phases: tuple[PluginPhase, ...]) -> tuple[Extension, ...]:
    meant = [each for each in plugins if is_network(each) and _is_meant(each, side, port)]
    return tuple(_filter(each) for phase in phases for each in meant if each.spec.phase is phase)


def guarded(
    plugins: Ordered, side: Side, port: int, asks: tuple[Extension, ...], enforced: tuple[Extension, ...]
) -> tuple[Extension, ...]:
    """Network filters of plugins around those of security policies: those that ask an authorizer, then the others."""
    return (
        *asks,
        *network_filters(plugins, side, port, PluginPhase.AUTHN, PluginPhase.AUTHZ),
        *enforced,
        *network_filters(plugins, side, port, PluginPhase.STATS, PluginPhase.UNSPECIFIED_PHASE),
    )


def _is_meant(plugin: CheckedPlugin, side: Side, port: int) -> bool:
    mode = WorkloadMode.SERVER if side.is_server else WorkloadMode.CLIENT
    selectors = plugin.spec.match
    return not selectors or any(each.mode.covers(mode) and _has_port(each, port) for each in selectors)


def _has_port(selector: TrafficSelector, port: int) -> bool:
    return not selector.ports or any(each.number == port for each in selector.ports)


@memoized(size=8192)
def _filter(plugin: CheckedPlugin) -> Extension:
    """The filter; the RBAC type is for what stands in for code that cannot be had.

    One that keeps somebody out is required: an Envoy that has no such filter must not go on without.
    """
    rbac = network_rbac_pb2.RBAC if is_network(plugin) else http_rbac_pb2.RBAC
    source = ExtensionConfigSource(
        config_source=_ADS, type_urls=[wasm_type(plugin), PREFIX + str(rbac.DESCRIPTOR.full_name)]
    )
    body = text(1, plugin.resource_name) + embed(_CONFIG_DISCOVERY, serialize(source))
    keeps_out = plugin.spec.phase in _GUARDS and plugin.spec.fail_strategy is not FailStrategy.FAIL_OPEN
    return Extension(plugin.resource_name, wasm_type(plugin), body, required=keeps_out)


def configuration_of(plugin: CheckedPlugin, config: Any) -> Any:
    """The message that holds a plugin's configuration."""
    return NetworkWasm(config=config) if is_network(plugin) else HttpWasm(config=config)


def stand_in(plugin: CheckedPlugin) -> Any:
    """What stands in for code that a proxy cannot load: lets everything through, or nothing."""
    made = network_rbac_pb2.RBAC(stat_prefix=plugin.resource_name) if is_network(plugin) else http_rbac_pb2.RBAC()
    if plugin.spec.fail_strategy is not FailStrategy.FAIL_OPEN:
        made.rules.SetInParent()  # rules that allow, none of which does
    return made
