"""What the patches of EnvoyFilters do for the proxies that are connected: how often each matched, what it changed.

In: a snapshot, streams of proxies, what is quarantined. Out: rows by EnvoyFilter, patch and class of proxies. One proxy
stands for its class. Source: xDS behaviour 7.1.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from pilot.generators import clusters, listeners, routes
from pilot.generators.patching import report as patching
from pilot.generators.patching import sets as patch_sets
from pilot.generators.patching.report import Generated, PatchReport
from pilot.memo import Work
from pilot.model.envoy_filter import ApplyTo
from pilot.model.envoy_filters import CheckedFilter, Patch
from pilot.model.snapshot import Snapshot
from pilot.type_urls import CLUSTER, LISTENER, ROUTE, TypeUrl, short_name
from pilot.view import build
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection
from pilot.xds.quarantine import Entry

CLASSES: Final = 256
"""Classes that are looked at, those with most proxies first: each costs what generating for it costs. Arbitrary."""
RESOURCES: Final = 20
"""Names of resources that are told of a patch and a class; arbitrary."""


class ForClass(Struct, frozen=True, rename="camel"):
    """One patch and the proxies of one class."""

    proxies: str
    """`sidecar default app=web`."""
    connected: int
    applied: int
    """How often it matched, in the configuration of one of them."""
    resources: tuple[str, ...] = ()
    """`LDS 0.0.0.0_8080`: what it changed, added or removed; the first ones."""
    more_resources: int = 0
    faults: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    """What these proxies said of resources that it changed."""
    rejected_by: int = 0


class PatchRow(Struct, frozen=True, rename="camel"):
    """One patch."""

    field: str
    apply_to: str
    operation: str
    verdict: str
    classes: tuple[ForClass, ...] = ()


class FilterRow(Struct, frozen=True, rename="camel"):
    """One EnvoyFilter."""

    name: str
    namespace: str
    patches: tuple[PatchRow, ...]
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Group:
    """Connected proxies of one class."""

    name: str
    proxy: Proxy
    connected: int = 0
    routes: set[str] = field(default_factory=set)


def groups(
    connections: Iterable[Connection], class_of: Callable[[Proxy], Hashable], name_of: Callable[[object], str]
) -> Mapping[Hashable, Group]:
    """The proxies that are connected, by class; the largest classes."""
    found: dict[Hashable, Group] = {}
    for each in connections:
        if isinstance(each.proxy, Proxy) and each.watches:
            class_ = class_of(each.proxy)
            group = found.setdefault(class_, Group(name_of(class_), each.proxy))
            group.connected += 1
            group.routes.update(name for row in each.watches if row.type_url == ROUTE for name in row.names)
    largest = sorted(found.items(), key=lambda each: -each[1].connected)
    return dict(largest[:CLASSES])


Reports = Mapping[Hashable, Mapping[Patch, PatchReport]]


def reports(snapshot: Snapshot, found: Mapping[Hashable, Group]) -> Work[Reports]:
    """What each patch did, by class; in pieces, between which others may run."""
    made: dict[Hashable, Mapping[Patch, PatchReport]] = {}
    for class_, group in found.items():
        view = build.build(snapshot, group.proxy)
        made[class_] = {}
        if view.patches:
            sets = (
                (yield from clusters.steps(view)),
                (yield from listeners.steps(view)),
                (yield from routes.steps(view, frozenset(group.routes))),
            )
            for made_of, type_url in zip(sets, (CLUSTER, LISTENER, ROUTE), strict=True):
                yield from patch_sets.steps(made_of, view, type_url)  # remembered for the report
            made[class_] = {each.patch: each for each in patching.report(view, Generated(*sets))}
        yield
    return made


def rows(
    snapshot: Snapshot, found: Mapping[Hashable, Group], done: Reports, refused: Iterable[Entry]
) -> tuple[FilterRow, ...]:
    """Every EnvoyFilter, by namespace and name."""
    known = {(each.place, each.resource.name): each for each in refused}
    declared = sorted(snapshot.extensions.envoy_filters.all(), key=lambda each: (each.key.namespace, each.key.name))
    return tuple(_filter(each, found, done, known) for each in declared)


_Refused = Mapping[tuple[tuple[Hashable, TypeUrl], str], Entry]


def _filter(each: CheckedFilter, found: Mapping[Hashable, Group], done: Reports, refused: _Refused) -> FilterRow:
    told = (_patch(patch, found, done, refused) for patch in each.patches)
    problems = tuple(f"{problem.field}: {problem.message}" for problem in each.problems)
    return FilterRow(each.key.name, each.key.namespace, tuple(told), problems)


def _patch(patch: Patch, found: Mapping[Hashable, Group], done: Reports, refused: _Refused) -> PatchRow:
    classes = tuple(
        _for_class(class_, found[class_], report, refused)
        for class_, by_patch in done.items()
        if (report := by_patch.get(patch)) is not None
    )
    return PatchRow(patch.field, patch.apply_to.value, patch.operation.value, verdict(patch, classes), classes)


def _for_class(class_: Hashable, group: Group, report: PatchReport, refused: _Refused) -> ForClass:
    entries = [
        entry
        for type_url, name in report.resources
        if (entry := refused.get(((class_, type_url), name))) is not None and report.patch.origin in entry.origins
    ]
    names = tuple(f"{short_name(type_url)} {name}" for type_url, name in report.resources)
    return ForClass(
        group.name,
        group.connected,
        report.applied,
        names[:RESOURCES],
        max(0, len(names) - RESOURCES),
        report.faults,
        tuple(dict.fromkeys(each.message for each in entries)),
        len({by for each in entries for by in each.refused_by}),
    )


def verdict(patch: Patch, classes: tuple[ForClass, ...]) -> str:
    """One line: what a person is told about a patch."""
    if patch.apply_to is ApplyTo.BOOTSTRAP:
        return "is a part of bootstraps: what it did cannot be seen from here"
    rejected = sum(each.rejected_by for each in classes)
    if rejected:
        words = next(each.rejected[0] for each in classes if each.rejected)
        return f"rejected by {rejected} {'proxies' if rejected != 1 else 'proxy'}: {words}"
    faults = tuple(dict.fromkeys(fault for each in classes for fault in each.faults))
    if faults:
        return "; ".join(faults)
    if not classes:
        return "no connected proxy has it"
    matched = [each for each in classes if each.applied]
    if not matched:
        return "matched nothing"
    return f"applied for {sum(each.connected for each in matched)} of {sum(each.connected for each in classes)} proxies"
