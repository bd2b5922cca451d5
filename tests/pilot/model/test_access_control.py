"""Who may list Secrets, as an API server would say."""

from pilot.model.access_control import may_list_secrets
from tests.pilot.model.meshes import mesh_of

ROLE = """
kind: Role
metadata: {name: reader, namespace: web}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
---
kind: Role
metadata: {name: one-only, namespace: web}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [a], verbs: ["*"]}]
---
kind: ClusterRole
metadata: {name: admin}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
kind: ClusterRole
metadata: {name: getter}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
"""


def binding(role: str, subject: str, kind: str = "RoleBinding", of: str = "Role", namespace: str = "web") -> str:
    """A binding of one subject."""
    place = f"namespace: {namespace}" if kind == "RoleBinding" else ""
    return f"""
---
kind: {kind}
metadata: {{name: b, {place}}}
roleRef: {{kind: {of}, name: {role}}}
subjects: [{subject}]
"""


def allowed(*documents: str, namespace: str = "web", account: str = "gw") -> bool:
    """Whether the account may read."""
    return may_list_secrets(mesh_of(ROLE + "".join(documents)).credentials.roles, namespace, account)


GATEWAY = "{kind: ServiceAccount, name: gw}"


def test_without_bindings_everybody_may() -> None:
    assert allowed()


def test_a_role_of_the_namespace_counts_for_its_accounts() -> None:
    assert allowed(binding("reader", GATEWAY))
    assert not allowed(binding("reader", GATEWAY), account="other")
    assert not allowed(binding("reader", "{kind: ServiceAccount, name: gw, namespace: elsewhere}"))
    assert not allowed(binding("reader", GATEWAY), namespace="elsewhere")
    assert not allowed(binding("missing", GATEWAY))
    assert not allowed(binding("one-only", GATEWAY))


def test_cluster_roles_count_where_they_are_bound() -> None:
    assert allowed(binding("admin", GATEWAY, of="ClusterRole"))
    account = "{kind: ServiceAccount, name: gw, namespace: web}"
    assert allowed(binding("admin", account, kind="ClusterRoleBinding", of="ClusterRole"))
    assert not allowed(binding("reader", account, kind="ClusterRoleBinding"))
    assert not allowed(binding("getter", account, kind="ClusterRoleBinding", of="ClusterRole"))


def test_users_and_groups_name_accounts_too() -> None:
    assert allowed(binding("reader", "{kind: User, name: 'system:serviceaccount:web:gw'}"))
    assert allowed(binding("reader", "{kind: Group, name: 'system:serviceaccounts:web'}"))
    assert not allowed(binding("reader", "{kind: Group, name: 'system:serviceaccounts:other'}"))
    assert not allowed(binding("reader", "{kind: Robot, name: gw}"))
