"""Objects that change or observe what proxies do: EnvoyFilters, Telemetries and WasmPlugins.

In: changed objects. Out: checked ones, found by workload; what is wrong with them. What did not change is the same
object as before. Source: xDS behaviour 7.0 to 7.3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pilot.model import envoy_filters, policy_attachment, telemetries, wasm_plugins
from pilot.model.envoy_filter import EnvoyFilter
from pilot.model.envoy_filters import CheckedFilter
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object
from pilot.model.policy_attachment import Attachable, Policies
from pilot.model.problem import Problem
from pilot.model.telemetries import CheckedTelemetry
from pilot.model.telemetry import Telemetry
from pilot.model.wasm_plugin import WasmPlugin
from pilot.model.wasm_plugins import CheckedPlugin

T = TypeVar("T", bound=Object)
P = TypeVar("P", bound=Attachable)


@dataclass(frozen=True, slots=True)
class Extensions:
    """All of them."""

    envoy_filters: Policies[CheckedFilter] = field(default_factory=Policies)
    telemetries: Policies[CheckedTelemetry] = field(default_factory=Policies)
    wasm_plugins: Policies[CheckedPlugin] = field(default_factory=Policies)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with them, by kind, then namespace."""
        for checked in self.envoy_filters.all():
            yield from checked.problems


def update(old: Extensions, seen: ObjectStore, replaced: tuple[Replacement, ...]) -> Extensions:
    """The extensions after the changes; `seen` already has them."""
    filters = _update(old.envoy_filters, seen, replaced, EnvoyFilter, envoy_filters.check)
    observers = _update(old.telemetries, seen, replaced, Telemetry, telemetries.check)
    plugins = _update(old.wasm_plugins, seen, replaced, WasmPlugin, wasm_plugins.check)
    if filters is old.envoy_filters and observers is old.telemetries and plugins is old.wasm_plugins:
        return old
    return Extensions(filters, observers, plugins)


def _update(
    old: Policies[P], seen: ObjectStore, replaced: tuple[Replacement, ...], kind: type[T], check: Callable[[T], P]
) -> Policies[P]:
    touched = {each.key.namespace for each in replaced if each.key.kind == kind.KIND}
    if not touched:
        return old
    fresh = {
        namespace: [
            check(each) for each in seen.kinds.get(kind.KIND, {}).get(namespace, {}).values() if isinstance(each, kind)
        ]
        for namespace in touched
    }
    return policy_attachment.update(old, fresh)


def counts(old: Extensions, new: Extensions, each: Replacement) -> bool:
    """Whether the replacement of one of these objects made a difference."""
    namespace = each.key.namespace
    match each.key.kind:
        case EnvoyFilter.KIND:
            return old.envoy_filters.namespaces.get(namespace) is not new.envoy_filters.namespaces.get(namespace)
        case Telemetry.KIND:
            return old.telemetries.namespaces.get(namespace) is not new.telemetries.namespaces.get(namespace)
        case WasmPlugin.KIND:
            return old.wasm_plugins.namespaces.get(namespace) is not new.wasm_plugins.namespaces.get(namespace)
    return False
