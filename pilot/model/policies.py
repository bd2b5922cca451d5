"""The security policies of the mesh: who may ask, with which tokens, and the keys of their issuers.

In: changed objects. Out: checked policies, found by workload; what is wrong with them; where keys have to be fetched.
What did not change is the same object as before. Source: xDS behaviour 7.0, 7.6, 7.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pilot.memo import memoized
from pilot.model import authorization_rules, authorizers, jwt_rules, policy_attachment
from pilot.model.authorization_policy import AuthorizationAction, AuthorizationPolicy
from pilot.model.authorization_rules import Authorization
from pilot.model.features import RemoteKeys
from pilot.model.jwt_rules import Authentication
from pilot.model.key_sets import KeySet, KeySets, KeySource
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object
from pilot.model.policy_attachment import Policies
from pilot.model.problem import Problem
from pilot.model.request_authentication import RequestAuthentication
from pilot.model.service import Service

T = TypeVar("T", bound=Object)
_KINDS = frozenset({AuthorizationPolicy.KIND, RequestAuthentication.KIND, KeySet.KIND})


@dataclass(frozen=True, slots=True)
class SecurityPolicies:
    """All of them."""

    authorizations: Policies[Authorization] = field(default_factory=Policies)
    authentications: Policies[Authentication] = field(default_factory=Policies)
    keys: KeySets = field(default_factory=lambda: KeySets({}, {}))

    def wanted_keys(self, remote: RemoteKeys) -> frozenset[KeySource]:
        """The places that we have to fetch keys from."""
        return _wanted(self.authentications, remote)

    def problems(self, settings: MeshSettings, services: tuple[Service, ...]) -> tuple[Problem, ...]:
        """What is wrong, by kind, then namespace."""
        return _problems(self, settings, services)


def update(old: SecurityPolicies, seen: ObjectStore, replaced: tuple[Replacement, ...]) -> SecurityPolicies:
    """The policies after the changes. `seen` already has them."""
    touched = {(each.key.kind, each.key.namespace) for each in replaced if each.key.kind in _KINDS}
    if not touched:
        return old
    authorizations = policy_attachment.update(
        old.authorizations,
        {
            namespace: [authorization_rules.check(each) for each in _in(seen, AuthorizationPolicy, namespace)]
            for kind, namespace in touched
            if kind == AuthorizationPolicy.KIND
        },
    )
    authentications = policy_attachment.update(
        old.authentications,
        {
            namespace: [jwt_rules.check(each) for each in _in(seen, RequestAuthentication, namespace)]
            for kind, namespace in touched
            if kind == RequestAuthentication.KIND
        },
    )
    keys = KeySets.of(seen) if (KeySet.KIND, "") in touched else old.keys
    same = authorizations is old.authorizations and authentications is old.authentications and keys == old.keys
    return old if same else SecurityPolicies(authorizations, authentications, old.keys if keys == old.keys else keys)


def _in(seen: ObjectStore, kind: type[T], namespace: str) -> Iterator[T]:
    for each in seen.kinds.get(kind.KIND, {}).get(namespace, {}).values():
        if isinstance(each, kind):
            yield each


def is_other(old: SecurityPolicies, new: SecurityPolicies) -> bool:
    """Whether proxies may have to be told; why keys cannot be had is nothing to them."""
    if old.authorizations is not new.authorizations or old.authentications is not new.authentications:
        return True
    return old.keys is not new.keys and old.keys.keys != new.keys.keys


def counts(old: SecurityPolicies, new: SecurityPolicies, each: Replacement) -> bool:
    """Whether the replacement of a policy or of keys made a difference."""
    namespace = each.key.namespace
    match each.key.kind:
        case AuthorizationPolicy.KIND:
            before: object = old.authorizations.namespaces.get(namespace)
            return before is not new.authorizations.namespaces.get(namespace)
        case RequestAuthentication.KIND:
            before = old.authentications.namespaces.get(namespace)
            return before is not new.authentications.namespaces.get(namespace)
        case KeySet.KIND:
            return old.keys.keys.get(each.key.name) != new.keys.keys.get(each.key.name)
    return False


@memoized(size=64)
def _wanted(authentications: Policies[Authentication], remote: RemoteKeys) -> frozenset[KeySource]:
    rules = (rule for policy in authentications.all() for rule in policy.rules)
    sources = frozenset(rule.source for rule in rules if rule.source is not None)
    if remote is RemoteKeys.BY_PROXY:  # a proxy asks for keys, but knows no discovery
        return frozenset(each for each in sources if each.is_discovery)
    return sources


@memoized(size=4)
def _problems(policies: SecurityPolicies, settings: MeshSettings, services: tuple[Service, ...]) -> tuple[Problem, ...]:
    found: list[Problem] = []
    wanted = policies.wanted_keys(settings.features.remote_keys)
    for authorization in policies.authorizations.all():
        found += authorization.problems
        if authorization.action is AuthorizationAction.CUSTOM and not authorization.broken:
            fault = authorizers.resolve(authorization.provider, settings.mesh, services).fault
            if fault:
                message = f"{fault}; what it would have been asked about is denied"
                found.append(Problem(message, authorization.key, field="spec.provider.name"))
    for authentication in policies.authentications.all():
        found += authentication.problems
        found += jwt_rules.missing_keys(authentication, policies.keys, wanted)
    return tuple(found)
