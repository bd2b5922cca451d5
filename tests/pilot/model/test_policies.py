"""Security policies in a snapshot: what a change of them means, and the problems that they have."""

from pilot.model.features import Features, RemoteKeys
from pilot.model.key_sets import KeySource, key_set
from pilot.model.mesh import MeshConfig
from pilot.model.object_store import Replacement
from pilot.model.objects import Event
from pilot.model.policies import counts, is_other
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin
from tests.pilot.model.meshes import edit, mesh_of, remove

ALLOW = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: shop}
spec: {rules: [{to: [{operation: {methods: [GET]}}]}]}
"""
TOKENS = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: t, namespace: shop}
spec: {jwtRules: [{issuer: "https://a"}, {issuer: b, jwksUri: "https://b/keys"}]}
"""
BY_DISCOVERY = KeySource("https://a/.well-known/openid-configuration", is_discovery=True)
BY_URI = KeySource("https://b/keys")


def with_keys(snapshot: Snapshot, keys: str = "", failure: str = "") -> tuple[Snapshot, bool]:
    found = key_set(BY_URI, keys, failure)
    after, change = snapshot.apply([Event(found.key, found)])
    return after, bool(change)


def test_a_policy_is_a_change_that_names_it() -> None:
    snapshot, change = edit(mesh_of(""), ALLOW)
    assert change.full
    assert change.updated == {Origin("AuthorizationPolicy", "shop", "p")}
    assert [each.key.name for each in snapshot.policies.authorizations.all()] == ["p"]
    gone, change = remove(snapshot, "AuthorizationPolicy", "shop", "p")
    assert change.full
    assert not gone.policies.authorizations.namespaces


def test_a_policy_that_says_the_same_is_no_change() -> None:
    snapshot = mesh_of(ALLOW)
    after, change = edit(snapshot, ALLOW.replace("name: p,", "name: p, labels: {a: b},"))
    assert not change
    assert after.policies is snapshot.policies


def test_keys_are_a_change_and_why_there_are_none_is_only_a_problem() -> None:
    snapshot = mesh_of(TOKENS)
    failed, changed = with_keys(snapshot, failure="no answer")
    assert not changed
    assert any("no answer" in each.message for each in failed.problems)
    known, changed = with_keys(failed, keys="keys")
    assert changed
    assert not any("https://b/keys" in each.message for each in known.problems)
    old, changed = with_keys(known, keys="keys", failure="again")
    assert not changed
    assert old.policies.keys.keys == {BY_URI.name: "keys"}


def test_who_fetches_which_keys() -> None:
    policies = mesh_of(TOKENS).policies
    assert policies.wanted_keys(RemoteKeys.FETCHED) == {BY_DISCOVERY, BY_URI}
    assert policies.wanted_keys(RemoteKeys.HYBRID) == {BY_DISCOVERY, BY_URI}
    assert policies.wanted_keys(RemoteKeys.BY_PROXY) == {BY_DISCOVERY}


def test_problems_of_policies_are_those_of_the_snapshot() -> None:
    broken = ALLOW.replace("methods: [GET]", 'ports: ["x"]')
    custom = ALLOW.replace("spec: {", "spec: {action: CUSTOM, provider: {name: nobody}, ").replace(
        "name: p,", "name: c,"
    )
    snapshot = mesh_of(f"{broken}---{custom}---{TOKENS}")
    words = [str(each) for each in snapshot.problems]
    assert any('expected a port from 0 to 65535, got "x"' in each for each in words)
    assert any('got "nobody"; what it would have been asked about is denied' in each for each in words)
    assert sum("are not here yet" in each for each in words) == 2


def test_another_kind_of_object_counts_for_nothing_here() -> None:
    one, other = mesh_of(ALLOW), mesh_of(TOKENS)
    assert is_other(one.policies, other.policies)
    service = mesh_of("{kind: Service, metadata: {name: s, namespace: shop}}").objects
    (found,) = service.all()
    assert not counts(one.policies, other.policies, Replacement(found.key, None, found))


def test_settings_alone_leave_policies_as_they_are() -> None:
    snapshot = mesh_of(ALLOW)
    after, _ = snapshot.with_mesh(MeshConfig(trust_domain="x"))
    assert after.policies is snapshot.policies
    assert snapshot.features == Features()
