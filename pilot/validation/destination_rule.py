"""DestinationRule: its host, its subsets, whom it applies to.

In: a decoded object. Out: findings; the policies are read in `traffic_policy.py`. Source: CA behaviour 5.4.
"""

from pilot.model.decoding import Path, describe
from pilot.model.destination_rule import DestinationRule, Subset
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, refused_if, unservable, unservable_if
from pilot.validation.syntax import domain_fault, host_fault, label_fault
from pilot.validation.traffic_policy import traffic_policy


def destination_rule(checked: DestinationRule) -> Findings:
    """Everything that is wrong with a DestinationRule."""
    spec, namespace = checked.spec, checked.namespace
    wrong = host_fault(spec.host) if spec.host else "expected a host, got nothing"
    yield from unservable_if(("spec", "host"), wrong)
    if wrong is None:
        yield from refused_if(("spec", "host"), domain_fault(spec.host, wildcard=True))
    yield from traffic_policy(spec.traffic_policy, ("spec", "trafficPolicy"), namespace)
    names: set[str] = set()
    for index, subset in enumerate(spec.subsets):
        path: Path = ("spec", "subsets", index)
        yield from _subset(subset, path, namespace)
        if subset.name in names:
            yield Finding((*path, "name"), f"expected every subset once, got {describe(subset.name)} again")
        names.add(subset.name)
    yield from forms.export_to(spec.export_to, namespace, ("spec", "exportTo"))
    if spec.workload_selector is not None:
        yield from forms.selector(spec.workload_selector.match_labels, ("spec", "workloadSelector", "matchLabels"))
        if not {*spec.export_to} <= {".", namespace}:
            message = f"expected its own namespace only with a workloadSelector, got {', '.join(spec.export_to)}"
            yield Finding(("spec", "exportTo"), message)


def _subset(subset: Subset, path: Path, namespace: str) -> Findings:
    if not subset.name:
        yield unservable((*path, "name"), "expected a name, got nothing")
    else:
        yield from refused_if((*path, "name"), label_fault(subset.name))
    yield from forms.labels(subset.labels, (*path, "labels"))
    yield from traffic_policy(subset.traffic_policy, (*path, "trafficPolicy"), namespace)
