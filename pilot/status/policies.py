"""Status of policies about backends: for each Service that they target, and each Gateway whose routes call it.

In: a snapshot. Out: statuses. What a policy does was decided where it was converted. Source: installation 9.5.
"""

from collections.abc import Iterable, Iterator

from pilot.gatewayapi import backend_tls, backend_traffic, routes
from pilot.gatewayapi.classes import GATEWAY_CONTROLLER, MESH_CONTROLLER, controller_of
from pilot.gatewayapi.faults import Fault
from pilot.gatewayapi.gateway import GROUP, KubernetesGateway
from pilot.gatewayapi.listeners import Surroundings
from pilot.gatewayapi.route import Route
from pilot.model import revisions
from pilot.model.objects import ObjectKey
from pilot.status.condition import Condition, Part, conditions, generation_of
from pilot.status.routes import Reference

_MOST = 16
"""Ancestors that the API lets a status have."""
Place = tuple[str, str]
"""Namespace, name."""


class AncestorStatus(Part, frozen=True):
    """`status.ancestors[]`."""

    ancestor_ref: Reference
    controller_name: str
    conditions: tuple[Condition, ...]


class PolicyStatus(Part, frozen=True):
    """`status` of a policy."""

    ancestors: tuple[AncestorStatus, ...]


Verdict = backend_tls.TargetVerdict | backend_traffic.TargetVerdict


def statuses(around: Surroundings) -> Iterator[tuple[ObjectKey, PolicyStatus]]:
    """Those of all BackendTLSPolicies, and of XBackendTrafficPolicies where they are served."""
    by_policy: dict[ObjectKey, list[Verdict]] = {}
    judged: list[Verdict] = [*backend_tls.judge(around.store)]
    if around.settings.features.alpha_gateway_api:
        judged += backend_traffic.judge(around.store)
    for each in judged:
        by_policy.setdefault(each.policy.key, []).append(each)
    calling = _calling(around) if by_policy else {}
    for key, verdicts in by_policy.items():
        made = (*_services(verdicts), *_gateways(verdicts, calling))
        yield key, PolicyStatus(made[:_MOST])


def _services(verdicts: Iterable[Verdict]) -> Iterator[AncestorStatus]:
    for each in verdicts:
        reference = each.reference
        shown = Reference(reference.group, reference.kind, reference.name, section_name=reference.section_name)
        yield AncestorStatus(shown, MESH_CONTROLLER, _conditions([each]))


def _gateways(verdicts: Iterable[Verdict], calling: dict[Place, dict[Place, None]]) -> Iterator[AncestorStatus]:
    """istiod: names a Gateway without its namespace (recorded)."""
    met: dict[Place, list[Verdict]] = {}
    for each in verdicts:
        for gateway in calling.get((each.policy.namespace, each.reference.name), ()):
            met.setdefault(gateway, []).append(each)
    for (_, name), targets in met.items():
        yield AncestorStatus(Reference(GROUP, "Gateway", name), GATEWAY_CONTROLLER, _conditions(targets))


def _conditions(verdicts: list[Verdict]) -> tuple[Condition, ...]:
    """Of a Service, or of a Gateway by way of some Services: it takes one good target to be accepted."""
    first = verdicts[0]
    good = {"Accepted": ("Accepted", "the policy is in force")}
    bad: dict[str, Fault] = {}
    if all(each.fault for each in verdicts) and first.fault is not None:
        bad["Accepted"] = first.fault
    if isinstance(first, backend_tls.TargetVerdict):
        good["ResolvedRefs"] = ("ResolvedRefs", "its roots are there")
        if first.trust.unaccepted is not None:
            bad.setdefault("Accepted", first.trust.unaccepted)
        if first.trust.unresolved is not None:
            bad["ResolvedRefs"] = first.trust.unresolved
    elif first.policy.spec.session_persistence is not None:
        good["Accepted"] = ("Accepted", f"the policy is in force, but: {backend_traffic.STICKY}")
    return conditions(generation_of(first.policy), good, bad)


def _calling(around: Surroundings) -> dict[Place, dict[Place, None]]:
    """The Gateways of ours whose routes name a Service, by Service."""
    found: dict[Place, dict[Place, None]] = {}
    for route in routes.ordered(around):
        gateways = tuple(_parents(route, around))
        for rule in route.spec.rules if gateways else ():
            for each in rule.backend_refs:
                if (each.group, each.kind) in (("", "Service"), ("core", "Service")):
                    place = (each.namespace or route.namespace, each.name)
                    found.setdefault(place, {}).update(dict.fromkeys(gateways))
    return found


def _role(gateway: KubernetesGateway, around: Surroundings) -> str:
    return controller_of(gateway, around.store, around.settings.features)


def _parents(route: Route, around: Surroundings) -> Iterator[Place]:
    for each in route.spec.parent_refs:
        if (each.group, each.kind) == (GROUP, "Gateway"):
            namespace = each.namespace or route.namespace
            gateway = around.store.get(KubernetesGateway, namespace, each.name)
            if gateway is None or not revisions.is_ours(gateway, around.store, around.settings.revisions):
                continue
            if _role(gateway, around) == GATEWAY_CONTROLLER:
                yield namespace, each.name
