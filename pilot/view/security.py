"""The security policies of a workload.

In: the policies of the mesh and a workload's labels. Out: a `Security`, the same object for all workloads to which the
same policies belong, as long as these, the keys and the authorizer stay the same. Source: xDS behaviour 7.0, 7.6, 7.7.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pilot.memo import latest, memoized
from pilot.model import authorizers, jwt_rules
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.authorization_rules import Authorization
from pilot.model.authorizers import Authorizer
from pilot.model.cluster_name import outbound
from pilot.model.features import Features, RemoteKeys
from pilot.model.interning import Interner, same_tuple
from pilot.model.jwt_rules import Authentication, CheckedRule
from pilot.model.key_sets import KeySets
from pilot.model.mesh import MeshConfig
from pilot.model.policy_attachment import Policies, WorkloadPlace
from pilot.model.request_authentication import JwtRule
from pilot.model.service import Service
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin
from pilot.view.proxy import Proxy, ProxyKind, Traits
from pilot.view.workload_lookup import Identified


@dataclass(frozen=True, slots=True)
class JwtProvider:
    """Tokens of one issuer, and the keys by which they are checked."""

    rule: JwtRule
    keys: str = ""
    """A JSON Web Key Set; empty: the proxy fetches it itself, from `cluster`."""
    cluster: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Security:
    """What a workload enforces."""

    authorizations: tuple[Authorization, ...] = ()
    """Of the root namespace, then its own; the oldest first."""
    authorizer: Authorizer | None = None
    """Of the policies with action CUSTOM, where there are any."""
    providers: tuple[JwtProvider, ...] = ()
    """By issuer."""
    origins: tuple[Origin, ...] = ()
    """The policies."""


NO_SECURITY = Security()
# Arbitrary sizes: what is enforced in one mesh at once.
_SECURITY: Interner[Security] = Interner(4096)
_PROVIDERS: Interner[JwtProvider] = Interner(4096)
_AUTHORIZERS: Interner[Authorizer] = Interner(256)
_PROXIES = 8192


def security_of(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Security:
    """The policies of the workload behind a proxy."""
    policies, root, reach = snapshot.policies, snapshot.mesh.root_namespace, snapshot.features.selector_gateway_policy
    authorizations = _authorizations(identified, policies.authorizations, root, proxy.traits, reach)
    authentications = _authentications(identified, policies.authentications, root, proxy.traits, reach)
    return _security(snapshot, authorizations, authentications)


def security_at(snapshot: Snapshot, place: WorkloadPlace) -> Security:
    """The policies at a place that is no workload's: of a service behind a waypoint. `place`: one object for one."""
    policies, root = snapshot.policies, snapshot.mesh.root_namespace
    authorizations = _authorizations_at(place, policies.authorizations, root)
    return _security(snapshot, authorizations, _authentications_at(place, policies.authentications, root))


@latest(size=65_536)
def _authorizations_at(place: WorkloadPlace, policies: Policies[Authorization], root: str) -> tuple[Authorization, ...]:
    return same_tuple(policies.of(root, place))


@latest(size=65_536)
def _authentications_at(
    place: WorkloadPlace, policies: Policies[Authentication], root: str
) -> tuple[Authentication, ...]:
    return same_tuple(policies.of(root, place))


def _security(
    snapshot: Snapshot, authorizations: tuple[Authorization, ...], authentications: tuple[Authentication, ...]
) -> Security:
    policies = snapshot.policies
    if not authorizations and not authentications:
        return NO_SECURITY
    asks = _asks(authorizations)
    authorizer = _authorizer(authorizations, snapshot.mesh, snapshot.services) if asks else None
    remote = snapshot.services if snapshot.features.remote_keys is not RemoteKeys.FETCHED else ()
    providers = _providers(authentications, policies.keys, snapshot.features, remote)
    named = (*(each.key for each in authorizations), *(each.key for each in authentications))
    origins = tuple(Origin(each.kind, each.namespace, each.name) for each in named)
    key = (id(authorizations), id(authorizer), id(providers))
    return _SECURITY.same(key, Security(authorizations, authorizer, providers, origins))


@latest(size=_PROXIES)
def _authorizations(
    identified: Identified, policies: Policies[Authorization], root: str, traits: Traits, reach: bool
) -> tuple[Authorization, ...]:
    return same_tuple(policies.of(root, _place(identified, traits, reach)))


@latest(size=_PROXIES)
def _authentications(
    identified: Identified, policies: Policies[Authentication], root: str, traits: Traits, reach: bool
) -> tuple[Authentication, ...]:
    return same_tuple(policies.of(root, _place(identified, traits, reach)))


def _place(identified: Identified, traits: Traits, reach: bool) -> WorkloadPlace:
    return WorkloadPlace(traits.namespace, identified.labels, traits.kind is ProxyKind.WAYPOINT, reach)


@memoized(size=1024)
def _asks(policies: tuple[Authorization, ...]) -> bool:
    return any(each.action is AuthorizationAction.CUSTOM for each in policies)


@latest(size=1024)
def _authorizer(policies: tuple[Authorization, ...], mesh: MeshConfig, services: tuple[Service, ...]) -> Authorizer:
    """The one that all policies with action CUSTOM name; one that is at fault where they name several."""
    names = sorted({each.provider for each in policies if each.action is AuthorizationAction.CUSTOM})
    if len(names) > 1:
        found = Authorizer(fault=f"expected one extension provider for a workload, got {', '.join(names)}")
    else:
        found = authorizers.resolve(names[0], mesh, services)
    return _AUTHORIZERS.same((id(found.provider), found.host, found.port, found.fault), found)


@memoized(size=1024)
def _providers(
    policies: tuple[Authentication, ...], known: KeySets, features: Features, services: tuple[Service, ...]
) -> tuple[JwtProvider, ...]:
    """By issuer; of one issuer in the order of policies."""
    found = [_provider(rule, known, features.remote_keys, services) for policy in policies for rule in policy.rules]
    return same_tuple(tuple(sorted(found, key=lambda each: each.rule.issuer)))


def _provider(rule: CheckedRule, known: KeySets, remote: RemoteKeys, services: tuple[Service, ...]) -> JwtProvider:
    cluster = _cluster(rule, remote, services)
    made = JwtProvider(rule.rule, "" if cluster else jwt_rules.keys_of(rule, known), cluster)
    return _PROVIDERS.same((id(made.rule), made.keys, made.cluster), made)


def _cluster(rule: CheckedRule, remote: RemoteKeys, services: tuple[Service, ...]) -> str:
    """Where a proxy that is to fetch keys itself finds them; empty: it gets them from us."""
    if remote is RemoteKeys.FETCHED or rule.source is None or rule.source.is_discovery:
        return ""
    parts = urlsplit(rule.source.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if remote is RemoteKeys.BY_PROXY or any(each.hostname == host and each.port(port) for each in services):
        return outbound(port, host)
    return ""
