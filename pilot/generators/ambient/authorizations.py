"""Authorizations for ztunnel: who may connect to which workloads.

In: an `AmbientView`. Out: a `ResourceSet` of istio.security.Authorization. What only HTTP knows of cannot be enforced
here: a rule that allows by it allows nothing, one that denies by it denies whatever else it says (stricter, never
laxer). A policy that cannot be translated refuses everything. Source: xDS behaviour 8.6.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from operator import attrgetter
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from istio_api import authorization_pb2 as pb
from pilot.memo import Work, finish, memoized, sliced
from pilot.model.ambient import policies
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.ambient.policies import Denial, PortMatch
from pilot.model.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    Condition,
    Operation,
    Rule,
    Source,
)
from pilot.model.authorization_rules import Authorization
from pilot.model.authorization_values import parse_account, parse_port, parse_range
from pilot.model.policy_attachment import GATEWAY_NAME
from pilot.model.waypoint import Waypoint
from pilot.resources import Origin, Resource, ResourceSet, resource, resource_set
from pilot.rows import PIECE
from pilot.type_urls import AUTHORIZATION
from pilot.view.ambient import AmbientView

_SPIFFE: Final = "spiffe://"


def build(view: AmbientView, names: frozenset[str] | None) -> ResourceSet:
    """All authorizations, or those of these names."""
    return finish(steps(view, names))


def steps(view: AmbientView, names: frozenset[str] | None) -> Work[ResourceSet]:
    """The same, in pieces."""
    everything = yield from _build.steps(view.index.mesh)
    if names is None:
        return everything
    return resource_set(everything[name] for name in sorted(names) if name in everything)


@sliced(memoized(size=2))
def _build(mesh: AmbientMesh) -> Work[ResourceSet]:
    made = []
    for number, each in enumerate(_all(mesh), 1):
        made.append(each)
        if number % PIECE == 0:
            yield
    return resource_set(made)


def _all(mesh: AmbientMesh) -> Iterator[Resource]:
    for each in mesh.policies.authorizations.all():
        declared = mesh.store.get(AuthorizationPolicy, each.key.namespace, each.key.name)
        if declared is not None and policies.is_sent(each, mesh):
            yield _of_policy(each, declared, mesh.settings.mesh.root_namespace)
    for denial in policies.denials(mesh):
        yield _of_denial(denial)
    if mesh.settings.features.auto_allow_waypoint_policy:
        for waypoint in mesh.waypoints.by_name.values():
            yield _of_waypoint(waypoint, mesh)


def _resource(message: Any, origins: Iterable[Origin] = ()) -> Resource:
    return resource(AUTHORIZATION, f"{message.namespace}/{message.name}", message, origins)


@memoized(size=16_384)
def _of_policy(checked: Authorization, declared: AuthorizationPolicy, root_namespace: str) -> Resource:
    is_denial = checked.action is AuthorizationAction.DENY
    groups = [] if checked.broken else [_group(rule, declared.namespace, is_denial) for rule in declared.spec.rules]
    if checked.broken and is_denial:
        groups = [pb.Group()]
    scope = pb.GLOBAL if declared.namespace == root_namespace else pb.NAMESPACE
    message = pb.Authorization(
        name=declared.name,
        namespace=declared.namespace,
        scope=pb.WORKLOAD_SELECTOR if checked.attachment.selector else scope,
        action=pb.DENY if is_denial else pb.ALLOW,
        groups=[each for each in groups if each is not None],
        dry_run=checked.dry_run,
    )
    return _resource(message, (declared.origin,))


def _group(rule: Rule, namespace: str, is_denial: bool) -> Any | None:
    """What a rule says, all parts of it; None for one that allows by what only HTTP knows."""
    if not is_denial and _needs_http(rule):
        return None
    rules = []
    if rule.to:
        rules.append(pb.Rules(matches=[_operation(each.operation or Operation()) for each in rule.to]))
    if rule.from_:
        rules.append(pb.Rules(matches=[_source(each.source or Source(), namespace) for each in rule.from_]))
    rules += [pb.Rules(matches=[_condition(each, namespace)]) for each in rule.when if each.key in _CONDITIONS]
    return pb.Group(rules=rules)


_HTTP_OPERATION: Final = attrgetter("hosts", "not_hosts", "methods", "not_methods", "paths", "not_paths")
_HTTP_SOURCE: Final = attrgetter(
    "request_principals", "not_request_principals", "remote_ip_blocks", "not_remote_ip_blocks"
)


def _needs_http(rule: Rule) -> bool:
    """Whether a rule names anything that only HTTP knows of."""
    operations = (_HTTP_OPERATION(each.operation) for each in rule.to if each.operation)
    sources = (_HTTP_SOURCE(each.source) for each in rule.from_ if each.source)
    return any(map(any, (*operations, *sources))) or any(each.key not in _CONDITIONS for each in rule.when)


def _operation(operation: Operation) -> Any:
    return pb.Match(
        destination_ports=list(map(_port, operation.ports)),
        not_destination_ports=list(map(_port, operation.not_ports)),
    )


def _source(source: Source, namespace: str) -> Any:
    return pb.Match(
        principals=list(map(_principal, source.principals)),
        not_principals=list(map(_principal, source.not_principals)),
        namespaces=list(map(_text, source.namespaces)),
        not_namespaces=list(map(_text, source.not_namespaces)),
        service_accounts=[_account(each, namespace) for each in source.service_accounts],
        not_service_accounts=[_account(each, namespace) for each in source.not_service_accounts],
        source_ips=list(map(_range, source.ip_blocks)),
        not_source_ips=list(map(_range, source.not_ip_blocks)),
    )


def _port(text: str) -> int:
    return int(parse_port(text))


def _text(text: str) -> Any:
    if text == "*":
        return pb.StringMatch(presence=Empty())
    if text.startswith("*"):
        return pb.StringMatch(suffix=text[1:])
    if text.endswith("*"):
        return pb.StringMatch(prefix=text[:-1])
    return pb.StringMatch(exact=text)


def _principal(text: str) -> Any:
    return _text(text.removeprefix(_SPIFFE))


def _account(text: str, namespace: str) -> Any:
    place, _, name = parse_account(text, namespace).partition("/")
    return pb.ServiceAccountMatch(namespace=place, serviceAccount=name)


def _range(text: str) -> Any:
    address, _, bits = parse_range(text).partition("/")
    return pb.Address(address=ip_address(address).packed, length=int(bits))


_CONDITIONS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "source.ip": ("source_ips", _range),
    "source.namespace": ("namespaces", _text),
    "source.principal": ("principals", _principal),
    "destination.ip": ("destination_ips", _range),
    "destination.port": ("destination_ports", _port),
}
"""Attributes that are known without HTTP: the field of a match, and how its values are read."""


def _condition(condition: Condition, namespace: str) -> Any:
    name, read = _CONDITIONS[condition.key]
    fields = {name: list(map(read, condition.values)), f"not_{name}": list(map(read, condition.not_values))}
    return pb.Match(**fields)


def _of_denial(denial: Denial) -> Resource:
    rules = [pb.Rules(matches=list(map(_port_match, rule))) for rule in denial.rules]
    return _resource(
        pb.Authorization(
            name=denial.name,
            namespace=denial.namespace,
            scope=pb.WORKLOAD_SELECTOR,
            action=pb.DENY,
            groups=[pb.Group(rules=rules)],
        )
    )


def _port_match(match: PortMatch) -> Any:
    ports = [match.port] if match.port else []
    return pb.Match(
        destination_ports=[] if match.negated else ports,
        not_destination_ports=ports if match.negated else [],
        not_principals=[pb.StringMatch(presence=Empty())] if match.without_identity else [],
    )


def _of_waypoint(waypoint: Waypoint, mesh: AmbientMesh) -> Resource:
    """Lets a waypoint's pods reach the workloads that are reached through it."""
    pods = mesh.workloads.select(waypoint.namespace, {GATEWAY_NAME: waypoint.name})
    domain, accounts = mesh.settings.mesh.trust_domain, {each.account for each in pods}
    names = [pb.StringMatch(exact=f"{domain}/ns/{waypoint.namespace}/sa/{each}") for each in sorted(accounts)]
    rules = [pb.Rules(matches=[pb.Match(principals=names)])]
    return _resource(
        pb.Authorization(
            name=policies.allow_name(waypoint),
            namespace=waypoint.namespace,
            scope=pb.WORKLOAD_SELECTOR,
            action=pb.ALLOW,
            groups=[pb.Group(rules=rules)] if names else [],
        )
    )
