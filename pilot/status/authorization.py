"""Status of AuthorizationPolicies: what ztunnel and waypoints make of them.

In: policies, Gateways, waypoints. Out: conditions. Proxies beside workloads enforce everything; what is said here is
about ambient mode. Source: installation 10 (conditions); xDS behaviour 8.3 (what ztunnel enforces).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pilot.gatewayapi.classes import CONTROLLERS, built_in, role_of
from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway
from pilot.model.authorization_policy import AuthorizationAction, AuthorizationPolicy, Operation, Rule, Source
from pilot.model.kubernetes import KubernetesService
from pilot.model.objects import ObjectKey, json_name
from pilot.model.policy_attachment import Attachment
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.service_entry import ServiceEntry
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import Refusal, Traffic
from pilot.status.condition import Condition, Conditioned, generation_of
from pilot.status.waypoints import is_told

ZTUNNEL: Final = "ZtunnelAccepted"
WAYPOINT: Final = "WaypointAccepted"
_DRY_RUN: Final = "istio.io/dry-run"
_SOURCE: Final = ("request_principals", "not_request_principals", "remote_ip_blocks", "not_remote_ip_blocks")
_OPERATION: Final = ("hosts", "not_hosts", "methods", "not_methods", "paths", "not_paths")
_CONNECTION: Final = frozenset(
    (
        "source.ip",
        "source.namespace",
        "source.principal",
        "source.serviceAccount",
        "destination.ip",
        "destination.port",
    )
)
"""Attributes that ztunnel knows."""


def statuses(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Conditioned]]:
    """Those of policies that ambient mode has a word about."""
    if not is_told(snapshot):
        return
    for policy in snapshot.seen.of(AuthorizationPolicy):
        targets = Attachment.of(policy.namespace, policy.spec).targets
        found = (
            _at_waypoints(policy, targets, snapshot)
            if targets
            else _at_ztunnel(policy, dry_runs=snapshot.features.ambient_dry_run)
        )
        if found is not None:
            yield policy.key, Conditioned((found,))


def _at_ztunnel(policy: AuthorizationPolicy, *, dry_runs: bool) -> Condition | None:
    """istiod: says nothing of policies that ztunnel never gets: AUDIT, CUSTOM, and dry runs that allow (recorded)."""
    action, generation = policy.spec.action, str(generation_of(policy))
    if action not in (AuthorizationAction.ALLOW, AuthorizationAction.DENY):
        return None
    if policy.metadata.annotations.get(_DRY_RUN) == "true" and not dry_runs:
        if action is AuthorizationAction.ALLOW:
            return None
        message = f"expected a policy without {_DRY_RUN}: ztunnel does not know dry runs"
        return Condition(ZTUNNEL, "False", "UnsupportedValue", message, generation)
    unknown = sorted({each for rule in policy.spec.rules for each in _of_requests(rule)})
    if not unknown:
        return Condition(ZTUNNEL, "True", "Accepted", "attached to ztunnel", generation)
    effect = (
        "rules with these are left out: less is allowed than is written"
        if action is AuthorizationAction.ALLOW
        else "rules are enforced without these: more is denied than is written"
    )
    message = f"ztunnel does not see requests, so it knows nothing of {', '.join(unknown)}; {effect}; use a waypoint"
    return Condition(ZTUNNEL, "True", "UnsupportedValue", message, generation)


def _of_requests(rule: Rule) -> Iterator[str]:
    """The parts of a rule that are about requests, not connections."""
    for place in rule.from_:
        yield from _given(place.source, _SOURCE)
    for operation in rule.to:
        yield from _given(operation.operation, _OPERATION)
    yield from (each.key for each in rule.when if each.key not in _CONNECTION)


def _given(part: Source | Operation | None, names: Iterable[str]) -> Iterator[str]:
    return (json_name(each) for each in names if part is not None and getattr(part, each))


def _at_waypoints(
    policy: AuthorizationPolicy, targets: tuple[PolicyTargetReference, ...], snapshot: Snapshot
) -> Condition:
    """Accepted where every target is bound; partly where some are."""
    generation = str(generation_of(policy))
    judged = [_target(each, policy.namespace, snapshot) for each in targets]
    good, bad = [each for each in judged if not each[0]], [each for each in judged if each[0]]
    message = "; ".join(message for _, message in judged)
    if not bad:
        return Condition(WAYPOINT, "True", "Accepted", message, generation)
    if good:
        return Condition(WAYPOINT, "True", "PartiallyInvalid", message, generation)
    reasons = {reason for reason, _ in bad}
    reason = reasons.pop() if len(reasons) == 1 else "Invalid"
    return Condition(WAYPOINT, "False", reason, message, generation)


def _target(target: PolicyTargetReference, own: str, snapshot: Snapshot) -> tuple[str, str]:
    """A reason, empty where a proxy obeys the policy there; and what to say."""
    shown = f"{target.kind} {target.name}"
    if target.namespace not in ("", own):
        return "TargetNotFound", f"expected a target of namespace {own}, got {target.namespace}/{target.name}"
    match target.group, target.kind:
        case "gateway.networking.k8s.io", "Gateway":
            found = snapshot.seen.get(KubernetesGateway, own, target.name)
            return ("", f"bound to {own}/{target.name}") if found is not None else _missing(shown)
        case "gateway.networking.k8s.io", "GatewayClass":
            if own != snapshot.mesh.root_namespace:
                return "Invalid", f"expected a policy of the root namespace for {shown}, got one of {own}"
            declared = snapshot.seen.get(GatewayClass, "", target.name)
            names = built_in(snapshot.features)
            controller = (
                role_of(declared.spec.controller_name, snapshot.features) if declared else names.get(target.name, "")
            )
            return ("", f"bound to {target.name}") if controller in CONTROLLERS else _missing(shown)
        case (("" | "core"), "Service"):
            return _service(snapshot.seen.get(KubernetesService, own, target.name), shown, snapshot)
        case "networking.istio.io", "ServiceEntry":
            return _service(snapshot.seen.get(ServiceEntry, own, target.name), shown, snapshot)
    return "TargetNotFound", f"expected a Gateway, GatewayClass, Service or ServiceEntry, got {shown}"


def _missing(shown: str) -> tuple[str, str]:
    return "TargetNotFound", f"expected {shown}, which is not there"


def _service(declared: KubernetesService | ServiceEntry | None, shown: str, snapshot: Snapshot) -> tuple[str, str]:
    if declared is None:
        return _missing(shown)
    bound = snapshot.conversions.waypoints.bound(declared.namespace, declared.metadata.labels, Traffic.SERVICE)
    if bound is None or isinstance(bound, Refusal):
        return "AncestorNotBound", f"{shown} has no waypoint"
    return "", f"bound to {bound.namespace}/{bound.name}"
