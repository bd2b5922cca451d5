"""Kubernetes' role based access control, as far as it says who may list Secrets.

In: roles and bindings as decoded. Out: an answer for one service account and namespace. Only what an API server would
answer to a review of `list secrets`; rules for single Secrets by name do not count, as there.
Source: xDS behaviour 1.11; installation 6.6; Kubernetes' RBAC documentation.
"""

from collections.abc import Iterable
from typing import ClassVar

from pilot.memo import memoized
from pilot.model.object_store import ObjectStore
from pilot.model.objects import Fragment, Object


class PolicyRule(Fragment, frozen=True):
    """What a role allows; `*` stands for everything."""

    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class RoleRef(Fragment, frozen=True):
    """The role of a binding."""

    kind: str = ""
    name: str = ""


class Subject(Fragment, frozen=True):
    """Who gets a role: a ServiceAccount, User or Group."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Role(Object, frozen=True):
    """rbac.authorization.k8s.io Role."""

    KIND: ClassVar[str] = "Role"

    rules: tuple[PolicyRule, ...] = ()


class ClusterRole(Object, frozen=True):
    """rbac.authorization.k8s.io ClusterRole."""

    KIND: ClassVar[str] = "ClusterRole"

    rules: tuple[PolicyRule, ...] = ()


class RoleBinding(Object, frozen=True):
    """rbac.authorization.k8s.io RoleBinding: a role in the namespace of the binding."""

    KIND: ClassVar[str] = "RoleBinding"

    role_ref: RoleRef = RoleRef()
    subjects: tuple[Subject, ...] = ()


class ClusterRoleBinding(Object, frozen=True):
    """rbac.authorization.k8s.io ClusterRoleBinding: a role everywhere."""

    KIND: ClassVar[str] = "ClusterRoleBinding"

    role_ref: RoleRef = RoleRef()
    subjects: tuple[Subject, ...] = ()


KINDS = frozenset((Role.KIND, ClusterRole.KIND, RoleBinding.KIND, ClusterRoleBinding.KIND))


@memoized(size=4096)
def may_list_secrets(store: ObjectStore, namespace: str, account: str) -> bool:
    """Whether a service account may list the Secrets of its own namespace.

    `store` needs to have only roles and bindings. Without a single binding nobody has said who may what, as in a
    directory that somebody wrote by hand: then everybody may.
    """
    bindings: list[RoleBinding | ClusterRoleBinding] = [*store.of(ClusterRoleBinding), *store.of(RoleBinding)]
    if not bindings:
        return True
    return any(
        any(map(_allows, _rules(store, binding)))
        for binding in bindings
        if binding.namespace in ("", namespace)
        and any(_is(each, namespace, account, binding.namespace) for each in binding.subjects)
    )


def _rules(store: ObjectStore, binding: RoleBinding | ClusterRoleBinding) -> tuple[PolicyRule, ...]:
    role: Role | ClusterRole | None = None
    if binding.role_ref.kind == ClusterRole.KIND:
        role = store.get(ClusterRole, "", binding.role_ref.name)
    elif binding.role_ref.kind == Role.KIND and binding.namespace:
        role = store.get(Role, binding.namespace, binding.role_ref.name)
    return role.rules if role is not None else ()


def _is(subject: Subject, namespace: str, account: str, binding_namespace: str) -> bool:
    match subject.kind:
        case "ServiceAccount":
            return subject.name == account and (subject.namespace or binding_namespace) == namespace
        case "User":
            return subject.name == f"system:serviceaccount:{namespace}:{account}"
        case "Group":
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
            return subject.name in groups
    return False


def _allows(rule: PolicyRule) -> bool:
    return (
        not rule.resource_names
        and _has(rule.api_groups, "")
        and _has(rule.resources, "secrets")
        and _has(rule.verbs, "list")
    )


def _has(allowed: Iterable[str], wanted: str) -> bool:
    return any(each in ("*", wanted) for each in allowed)
