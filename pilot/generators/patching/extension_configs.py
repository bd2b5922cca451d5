"""Extension configurations that EnvoyFilters add: what filters with `config_discovery` ask for by name.

In: a plan, names. Out: resources. Source: xDS behaviour 7.1 (EXTENSION_CONFIG).
"""

from collections.abc import Mapping

from pilot.generators.patching.plan import Plan
from pilot.memo import memoized
from pilot.model.envoy_filter import ApplyTo
from pilot.resources import Resource, resource
from pilot.type_urls import EXTENSION_CONFIG


def build(plan: Plan, names: frozenset[str]) -> tuple[Resource, ...]:
    """Those of these names."""
    known = _all(plan) if plan.of(ApplyTo.EXTENSION_CONFIG) else {}
    return tuple(known[name] for name in sorted(names) if name in known)


@memoized(size=512)
def _all(plan: Plan) -> Mapping[str, Resource]:
    """By name; of several with one name the first counts."""
    found: dict[str, Resource] = {}
    for step in plan.steps.get(ApplyTo.EXTENSION_CONFIG, ()):
        made = resource(EXTENSION_CONFIG, step.value.name, step.value, (step.patch.origin,))
        found.setdefault(step.value.name, made)
    return found
