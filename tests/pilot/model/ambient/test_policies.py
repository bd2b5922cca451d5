"""Which authorizations hold for a workload, and what PeerAuthentications refuse."""

from pilot.model.ambient import policies
from pilot.model.ambient.policies import PortMatch
from tests.ambient_mesh import SHOP, ambient

POD = "Kubernetes//Pod/app/web-0"
NOBODY = PortMatch(without_identity=True)


def _peer(spec: str, namespace: str = "app", name: str = "peer") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
"""


def _authorization(name: str, spec: str, annotations: str = "{}") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: app, annotations: {annotations}}}
spec: {spec}
"""


def _rules(*parts: str) -> dict[str, tuple[tuple[PortMatch, ...], ...]]:
    return {f"{each.namespace}/{each.name}": each.rules for each in policies.denials(ambient(*parts).mesh)}


def test_strict_port_refuses_those_without_identity_there() -> None:
    found = _rules(_peer("{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: STRICT}}}"))
    assert found["app/converted_peer_authentication_peer"] == ((PortMatch(8080, without_identity=True),),)


def test_permissive_port_is_an_exception() -> None:
    spec = "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {9000: {mode: PERMISSIVE}}}"
    found = _rules(_peer(spec))
    assert found["app/converted_peer_authentication_peer"] == ((NOBODY,), (PortMatch(9000, negated=True),), (NOBODY,))


def test_strict_policy_without_exceptions_is_the_static_one() -> None:
    text = _peer("{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}")
    assert list(_rules(text)) == ["istio-system/istio_converted_static_strict"]
    assert ambient(SHOP, text).workloads[POD].policies == ("istio-system/istio_converted_static_strict",)


def test_strict_mesh_holds_for_every_workload() -> None:
    made = ambient(SHOP, _peer("{mtls: {mode: STRICT}}", "istio-system"))
    assert made.workloads[POD].policies == ("istio-system/istio_converted_static_strict",)
    eased = ambient(SHOP, _peer("{mtls: {mode: STRICT}}", "istio-system"), _peer("{mtls: {mode: PERMISSIVE}}"))
    assert eased.workloads[POD].policies == ()


def test_nothing_is_refused_without_policies() -> None:
    assert _rules(SHOP) == {}


def test_workload_names_policies_with_selectors_only() -> None:
    made = ambient(
        SHOP,
        _authorization("b", "{selector: {matchLabels: {app: web}}, action: DENY}"),
        _authorization("a", "{selector: {matchLabels: {app: web}}}"),
        _authorization("other", "{selector: {matchLabels: {app: other}}}"),
        _authorization("everywhere", "{}"),
        _authorization("audit", "{selector: {matchLabels: {app: web}}, action: AUDIT}"),
        _authorization("dry", "{selector: {matchLabels: {app: web}}}", "{istio.io/dry-run: 'true'}"),
    )
    assert made.workloads[POD].policies == ("app/a", "app/b")


def test_the_static_policy_is_there_with_any_peer_authentication() -> None:
    static = "istio-system/istio_converted_static_strict"
    assert list(_rules(_peer("{selector: {matchLabels: {app: web}}}", "istio-system"))) == [static]
    assert list(_rules(_peer("{mtls: {mode: DISABLE}}"))) == [static]


def test_policies_that_ztunnel_cannot_enforce_are_not_named() -> None:
    selector = "selector: {matchLabels: {app: web}}"
    for name, spec in (
        ("audit", f"{{{selector}, action: AUDIT}}"),
        ("target", "{targetRefs: [{kind: Service, name: web}]}"),
    ):
        assert ambient(SHOP, _authorization(name, spec)).workloads[POD].policies == ()
    dry = _authorization("dry", f"{{{selector}}}", "{istio.io/dry-run: 'true'}")
    assert ambient(SHOP, dry).workloads[POD].policies == ()
    told = ambient(SHOP, dry, AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY="true").workloads[POD].policies
    assert told == ("app/dry",)
