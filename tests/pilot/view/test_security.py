"""What a workload enforces: replicas share it, and only its own policies change it."""

from typing import Any

from pilot.model.decoding import decode_value
from pilot.model.features import RemoteKeys
from pilot.model.key_sets import UNUSABLE, KeySource, key_set
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.view import build
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.security import NO_SECURITY, Security
from tests.pilot.generators.samples import traits
from tests.pilot.model.meshes import edit, mesh_of

POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{selector: {{matchLabels: {{app: {app}}}}}, {more}}}
"""
TOKENS = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: t, namespace: default}
spec:
  jwtRules:
  - {issuer: z, jwksUri: "http://keys.default.svc.cluster.local/z"}
  - {issuer: "https://a.example.com"}
---
kind: Service
metadata: {name: keys, namespace: default}
spec: {ports: [{name: http, port: 80}]}
"""


def policy(name: str, app: str = "web", namespace: str = "default", more: str = "rules: []") -> str:
    return POLICY.format(name=name, app=app, namespace=namespace, more=more)


def proxy(pod: str = "web-1", app: str = "web", **more: Any) -> Proxy:
    """A sidecar in namespace default."""
    return Proxy(f"{pod}.default", app, ("10.0.0.1",), _TRAITS, labels={"app": app}, **more)


_TRAITS = traits()
WEB, REPLICA, DB = proxy(), proxy("web-2"), proxy("db-1", "db")


def security(snapshot: Snapshot, of: Proxy = WEB) -> Security:
    return build.build(snapshot, of).security


def names(found: Security) -> list[str]:
    return [each.key.name for each in found.authorizations]


def test_without_policies_there_is_nothing_to_enforce() -> None:
    assert security(mesh_of("")) is NO_SECURITY
    assert security(mesh_of(policy("p", "other"))) is NO_SECURITY


def test_replicas_share_what_they_enforce() -> None:
    snapshot = mesh_of(policy("p") + "---" + policy("root", namespace="istio-system"))
    found = security(snapshot)
    assert names(found) == ["root", "p"]
    assert security(snapshot, REPLICA) is found
    assert security(snapshot, DB) is NO_SECURITY
    assert [each.name for each in found.origins] == ["root", "p"]


def test_a_policy_for_others_changes_nothing() -> None:
    snapshot = mesh_of(policy("p") + "---" + policy("q", "db"))
    after, _ = edit(snapshot, policy("q", "db", more="action: DENY"))
    assert security(after) is security(snapshot)
    assert build.build(after, WEB).key == build.build(snapshot, WEB).key
    assert security(after, DB) is not security(snapshot, DB)


def test_providers_are_by_issuer_and_their_keys_come_later() -> None:
    snapshot = mesh_of(TOKENS)
    found = security(snapshot)
    assert [(each.rule.issuer, each.keys) for each in found.providers] == [
        ("https://a.example.com", UNUSABLE), ("z", UNUSABLE)
    ]  # fmt: skip
    had = key_set(KeySource("http://keys.default.svc.cluster.local/z"), "keys")
    after, change = snapshot.apply([Event(had.key, had)])
    assert change.full
    assert security(after).providers[0] is found.providers[0]
    assert security(after).providers[1].keys == "keys"


def test_a_proxy_fetches_keys_itself_where_it_is_to() -> None:
    def clusters(mode: RemoteKeys) -> list[str]:
        return [each.cluster for each in security(mesh_of(TOKENS, remote_keys=mode)).providers]

    known = "outbound|80||keys.default.svc.cluster.local"
    assert clusters(RemoteKeys.FETCHED) == ["", ""]
    assert clusters(RemoteKeys.HYBRID) == ["", known]
    assert clusters(RemoteKeys.BY_PROXY) == ["", known]


def test_the_authorizer_is_one_for_all_policies() -> None:
    providers = [
        {"name": name, "envoyExtAuthzGrpc": {"service": "a.default.svc.cluster.local", "port": 80}} for name in "ab"
    ]
    mesh, _ = decode_value({"extensionProviders": providers}, MeshConfig)
    service = "{kind: Service, metadata: {name: a, namespace: default}, spec: {ports: [{name: grpc, port: 80}]}}"
    one = policy("one", more="action: CUSTOM, provider: {name: a}, rules: [{}]")
    snapshot = mesh_of(f"{service}\n---{one}", mesh)
    authorizer = security(snapshot).authorizer
    assert authorizer is not None
    assert (authorizer.host, authorizer.port) == ("a.default.svc.cluster.local", 80)
    after, _ = edit(snapshot, service.replace("name: a,", "name: b,"))
    assert security(after) is security(snapshot)
    both, _ = edit(snapshot, policy("two", more="action: CUSTOM, provider: {name: b}, rules: [{}]"))
    authorizer = security(both).authorizer
    assert authorizer is not None
    assert authorizer.fault == "expected one extension provider for a workload, got a, b"


def test_waypoints_have_policies_by_target_only() -> None:
    waypoint = Proxy("w.default", "w", ("10.0.0.1",), traits(kind=ProxyKind.WAYPOINT), labels={"app": "web"})
    assert security(mesh_of(policy("p")), waypoint) is NO_SECURITY
