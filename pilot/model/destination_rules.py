"""Which DestinationRule applies to a service, for whom.

In: decoded DestinationRules and mesh defaults. Out: rules merged per namespace and host, found by who asks for which
service. Does not know proxies beyond their namespace and labels.
Source: xDS behaviour 3.5.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pilot.memo import memoized
from pilot.model.destination_rule import DestinationRule, MergedRule, Subset
from pilot.model.draft import Draft
from pilot.model.hosts import HostIndex, resolve_short_name
from pilot.model.label_selection import matches
from pilot.model.mesh_settings import MeshSettings
from pilot.model.problem import Problem, Severity
from pilot.model.visibility import OWN, Audience, audience

Rules = tuple[MergedRule, ...]
RuleIndex = HostIndex[Rules]


@dataclass(frozen=True, slots=True)
class NamespaceRules:
    """The merged rules of one namespace, by host."""

    rules: tuple[Rules, ...]
    """All rules of a host together, in order of precedence."""
    is_root: bool = False
    """Of the root namespace, whose own proxies see only private rules before those of services."""

    def exported_to(self, namespace: str) -> RuleIndex:
        """Rules that proxies of another namespace see."""
        return _exported(self, namespace if namespace in self.named() else "")

    def own(self, namespace: str) -> RuleIndex:
        """Rules that proxies of the namespace itself see first."""
        return _own(self, namespace)

    def named(self) -> frozenset[str]:
        """Namespaces that some rule is exported to by name."""
        return _named(self)


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """All DestinationRules of the mesh."""

    namespaces: Mapping[str, NamespaceRules] = field(default_factory=dict)
    root_namespace: str = "istio-system"
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    """By namespace."""

    def is_plain(self, namespace: str) -> bool:
        """Whether a namespace sees just what every other one sees."""
        return (
            namespace not in self.namespaces and namespace != self.root_namespace and namespace not in _all_named(self)
        )

    def hosts(self, client: str) -> frozenset[str]:
        """Host patterns of all rules that anybody sees; with `client`, of those that it alone may see differently."""
        return _hosts(self, client)

    def selected_labels(self, namespace: str) -> tuple[str, ...]:
        """Keys of workload labels that decide between rules of a namespace, sorted."""
        own = self.namespaces.get(namespace)
        return _selected_labels(own) if own is not None else ()

    def find(self, client: str, host: str, namespace: str) -> Rules:
        """Rules for proxies of `client` that call `host`, a service of `namespace`; none where nothing applies."""
        own = self.namespaces.get(client)
        if own is not None:
            found = own.own(client).find(host)
            if found:
                return found
        for owner in (namespace, self.root_namespace):
            rules = self.namespaces.get(owner)
            found = rules.exported_to(client).find(host) if rules is not None else None
            if found:
                return found
        return ()


def select_outbound(rules: Rules, namespace: str, labels: Mapping[str, str]) -> MergedRule | None:
    """Of the rules of one host: the first that selects this workload, else the last for every workload."""
    for each in rules:
        if each.workload_selector and each.origin.namespace == namespace and matches(each.workload_selector, labels):
            return each
    return select_inbound(rules)


def select_inbound(rules: Rules) -> MergedRule | None:
    """Of the rules of one host: the last for every workload."""
    for each in reversed(rules):
        if not each.workload_selector:
            return each
    return None


def merge_rules(
    declared: Iterable[DestinationRule], namespace: str, settings: MeshSettings
) -> tuple[NamespaceRules, tuple[Problem, ...]]:
    """The rules of one namespace."""
    problems: list[Problem] = []
    by_host: dict[str, list[MergedRule]] = {}
    for each in sorted(declared, key=_precedence):
        host = resolve_short_name(each.spec.host, namespace, settings.domain)
        if not host:
            problems.append(Problem("expected a host, got none", each.key, field="spec.host"))
            continue
        fresh, repeated = _merged(each, host, settings)
        problems.extend(repeated)
        rules = by_host.setdefault(host, [])
        for position, known in enumerate(rules):
            if _merge_together(known, fresh, settings):
                rules[position], dropped = _merge(known, fresh)
                problems.extend(_duplicate(each, host, name) for name in dropped)
                break
        else:
            rules.append(fresh)
    merged = tuple(tuple(rules) for _, rules in sorted(by_host.items()))
    return NamespaceRules(merged, namespace == settings.mesh.root_namespace), tuple(problems)


def update(
    rules: DestinationRules, declared: Iterable[DestinationRule], namespaces: Iterable[str], settings: MeshSettings
) -> DestinationRules:
    """The rules after a change in some namespaces; `declared` is everything there is now."""
    dirty = set(namespaces)
    by_namespace: dict[str, list[DestinationRule]] = {each: [] for each in dirty}
    for rule in declared:
        if rule.namespace in dirty:
            by_namespace[rule.namespace].append(rule)
    merged, problems = Draft(rules.namespaces), Draft(rules.problems)
    for namespace, found in by_namespace.items():
        fresh, faults = merge_rules(found, namespace, settings)
        old = rules.namespaces.get(namespace)
        kept = NamespaceRules(_keep(old.rules, fresh.rules), fresh.is_root) if old else fresh
        if kept != old:
            merged.set(namespace, kept if kept.rules else None)
        if faults != rules.problems.get(namespace, ()):
            problems.set(namespace, faults or None)
    made = DestinationRules(merged.finish(), settings.mesh.root_namespace, problems.finish())
    return rules if made == rules else made


def _keep(old: tuple[Rules, ...], new: tuple[Rules, ...]) -> tuple[Rules, ...]:
    """The new rules, with the old object wherever it says the same."""
    known = {(rule.origin, rule.host): rule for group in old for rule in group}
    groups = {group[0].host: group for group in old}
    kept: list[Rules] = []
    for group in new:
        same = tuple(_same(known.get((rule.origin, rule.host)), rule) for rule in group)
        before = groups.get(same[0].host, ())
        kept.append(before if before == same else same)
    return tuple(kept)


def _same(old: MergedRule | None, new: MergedRule) -> MergedRule:
    return old if old is not None and old == new else new


def _precedence(rule: DestinationRule) -> tuple[bool, str, str]:
    return not _selector(rule), rule.created, rule.name


def _selector(rule: DestinationRule) -> Mapping[str, str]:
    return rule.spec.workload_selector.match_labels if rule.spec.workload_selector else {}


def _merged(rule: DestinationRule, host: str, settings: MeshSettings) -> tuple[MergedRule, tuple[Problem, ...]]:
    """One rule on its own."""
    selector = _selector(rule)
    exported = (OWN,) if selector else rule.spec.export_to or settings.mesh.default_destination_rule_export_to
    empty = MergedRule(
        origin=rule.origin,
        host=host,
        traffic_policy=rule.spec.traffic_policy,
        workload_selector=selector,
        export_to=frozenset(exported),
        origins=(rule.origin,),
    )
    subsets, dropped = _unite((), rule.spec.subsets)
    return replace(empty, subsets=subsets), tuple(_duplicate(rule, host, name) for name in dropped)


def _merge_together(known: MergedRule, fresh: MergedRule, settings: MeshSettings) -> bool:
    if known.workload_selector != fresh.workload_selector:
        return False
    return known.export_to == fresh.export_to or not settings.features.enhanced_destination_rule_merge


def _merge(known: MergedRule, fresh: MergedRule) -> tuple[MergedRule, list[str]]:
    """Two rules of a host as one, and the names of subsets that were there already."""
    subsets, dropped = _unite(known.subsets, fresh.subsets)
    policy = known.traffic_policy if known.traffic_policy is not None else fresh.traffic_policy
    return replace(known, subsets=subsets, traffic_policy=policy, origins=known.origins + fresh.origins), dropped


def _unite(known: tuple[Subset, ...], more: tuple[Subset, ...]) -> tuple[tuple[Subset, ...], list[str]]:
    united = {each.name: each for each in known}
    dropped: list[str] = []
    for each in more:
        if each.name in united:
            dropped.append(each.name)
        else:
            united[each.name] = each
    return tuple(united.values()), dropped


def _duplicate(rule: DestinationRule, host: str, name: str) -> Problem:
    message = f"expected new subset names for host {host}, got {name!r} again: the first one is served"
    return Problem(message, rule.key, field="spec.subsets", severity=Severity.WARNING)


@memoized(size=4096)
def _selected_labels(rules: NamespaceRules) -> tuple[str, ...]:
    return tuple(sorted({key for group in rules.rules for rule in group for key in rule.workload_selector}))


@memoized(size=4096)
def _named(rules: NamespaceRules) -> frozenset[str]:
    named = (each for group in rules.rules for rule in group for each in rule.export_to)
    return frozenset(each for each in named if each not in ("*", ".", "~"))


@memoized(size=1024)
def _hosts(rules: DestinationRules, client: str) -> frozenset[str]:
    special = (
        each
        for namespace, each in rules.namespaces.items()
        if not client or namespace == client or client in each.named()
    )
    return frozenset(group[0].host for each in special for group in each.rules)


@memoized(size=64)
def _all_named(rules: DestinationRules) -> frozenset[str]:
    return frozenset(name for each in rules.namespaces.values() for name in each.named())


@memoized(size=4096)
def _exported(rules: NamespaceRules, namespace: str) -> RuleIndex:
    # istiod: the most specific host decides, also where its rules are for other namespaces
    groups = (group for group in rules.rules if any(map(_is_exported, group)))
    return HostIndex.of(
        (group[0].host, tuple(rule for rule in group if _audience(rule).includes(namespace) and _is_exported(rule)))
        for group in groups
    )


def _is_exported(rule: MergedRule) -> bool:
    """Whether it is meant for other namespaces than its own at all."""
    return _audience(rule) != Audience(namespaces=frozenset({rule.origin.namespace}))


@memoized(size=4096)
def _own(rules: NamespaceRules, namespace: str) -> RuleIndex:
    if rules.is_root:
        return _visible(rules, lambda rule: not _audience(rule).public and _audience(rule).includes(namespace))
    return _visible(rules, lambda rule: _audience(rule).includes(namespace))


def _audience(rule: MergedRule) -> Audience:
    return audience(rule.export_to, (), rule.origin.namespace)


def _visible(rules: NamespaceRules, is_visible: Callable[[MergedRule], bool]) -> RuleIndex:
    groups = ((group[0].host, tuple(filter(is_visible, group))) for group in rules.rules)
    return HostIndex.of((host, group) for host, group in groups if group)
