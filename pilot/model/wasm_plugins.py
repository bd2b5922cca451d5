"""WasmPlugins in the order in which they stand in filter chains.

In: decoded WasmPlugins. Out: checked ones, found by workload. Source: xDS behaviour 7.0, 7.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment
from pilot.model.problem import Problem
from pilot.model.wasm_plugin import WasmPlugin, WasmPluginSpec
from pilot.resources import Origin

_LOWEST = -(2**31)


@dataclass(frozen=True, slots=True)
class CheckedPlugin:
    """A WasmPlugin with its place."""

    key: ObjectKey
    created: str
    attachment: Attachment
    spec: WasmPluginSpec
    generation: int = 0
    """How often an API server has seen its `spec` change; 0: nobody counts."""
    problems: tuple[Problem, ...] = ()

    @property
    def priority(self) -> int:
        """Higher ones stand first; the lowest there is where none is given."""
        return _LOWEST if self.spec.priority is None else self.spec.priority

    @property
    def origin(self) -> Origin:
        """The object behind it."""
        return Origin(self.key.kind, self.key.namespace, self.key.name)

    @property
    def resource_name(self) -> str:
        """What filters ask for it by."""
        return f"extensions.istio.io/wasmplugin/{self.key.namespace}.{self.key.name}"


@memoized(size=8192)
def check(declared: WasmPlugin) -> CheckedPlugin:
    """The plugin with its place; the same object for the same one."""
    attachment = Attachment.of(declared.namespace, declared.spec)
    return CheckedPlugin(declared.key, declared.created, attachment, declared.spec, declared.metadata.generation)


def in_order(found: Iterable[CheckedPlugin], namespaces: tuple[str, ...]) -> tuple[CheckedPlugin, ...]:
    """By priority, the highest first; of one priority by `namespaces` (the proxy's, then the root), then by age."""
    place = {namespace: index for index, namespace in reversed(list(enumerate(namespaces)))}
    last = len(namespaces)
    return tuple(sorted(found, key=lambda each: (-each.priority, place.get(each.key.namespace, last))))
