"""What the patches of EnvoyFilters did for one class of proxies: how often each was applied, and what it changed.

In: a view, generated sets, names of routes. Out: one `PatchReport` a patch. Adds up what generating kept anyway.
Source: xDS behaviour 7.1.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.generators.patching import sets
from pilot.generators.patching.plan import Plan
from pilot.generators.patching.tally import Patched
from pilot.model.envoy_filter import ApplyTo
from pilot.model.envoy_filters import Patch
from pilot.resources import ResourceSet
from pilot.type_urls import CLUSTER, EXTENSION_CONFIG, LISTENER, ROUTE, TypeUrl
from pilot.view.proxy_view import ProxyView


@dataclass(frozen=True, slots=True)
class PatchReport:
    """One patch and what it did."""

    patch: Patch
    applied: int = 0
    resources: tuple[tuple[TypeUrl, str], ...] = ()
    """Type and name of everything that it changed, added or removed."""
    faults: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """One line: what a person is told about it."""
        if self.faults:
            return "; ".join(self.faults)
        if not self.applied:
            return "matched nothing"
        things = len(self.resources)
        return f"applied {self.applied} times in {things} resource{'s' if things != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Generated:
    """The sets of one proxy before the patches."""

    clusters: ResourceSet
    listeners: ResourceSet
    routes: ResourceSet


def report(view: ProxyView, generated: Generated) -> tuple[PatchReport, ...]:
    """What every patch that the view has did, in the order in which they take effect."""
    plan = sets.plan_for(view)
    done = (
        (CLUSTER, generated.clusters, sets.patched_clusters(generated.clusters, view, plan)),
        (LISTENER, generated.listeners, sets.patched_listeners(generated.listeners, view, plan)),
        (ROUTE, generated.routes, sets.patched_routes(generated.routes, view, plan)),
    )
    applied = [0] * len(plan.patches)
    changed: list[dict[tuple[TypeUrl, str], None]] = [{} for _ in plan.patches]
    faults: list[dict[str, None]] = [{} for _ in plan.patches]
    for fault in plan.faults:
        faults[fault.number][fault.message] = None
    for url, before, patched in done:
        for name, each in _named(before, patched):
            for number, times in each.applied:
                applied[number] += times
                changed[number][url, name] = None
            for fault in each.faults:
                faults[fault.number][fault.message] = None
    _count_offers(plan, applied, changed)
    rows = zip(plan.patches, applied, changed, faults, strict=True)
    return tuple(PatchReport(patch, times, tuple(names), tuple(wrong)) for patch, times, names, wrong in rows)


def _named(before: ResourceSet, patched: Iterable[Patched]) -> Iterable[tuple[str, Patched]]:
    """Each result with the name of its resource; what was removed had one before."""
    names = iter(before.resources)
    for each in patched:
        known = next(names, "")
        yield (each.resource.name if each.resource is not None else known), each


def _count_offers(plan: Plan, applied: list[int], changed: list[dict[tuple[TypeUrl, str], None]]) -> None:
    """An extension configuration is applied by being offered under its name."""
    for step in plan.steps.get(ApplyTo.EXTENSION_CONFIG, ()):
        applied[step.number] += 1
        changed[step.number][EXTENSION_CONFIG, step.value.name] = None
