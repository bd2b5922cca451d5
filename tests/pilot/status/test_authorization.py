"""What ambient mode says of AuthorizationPolicies."""

from typing import Any

from tests.pilot.gatewayapi.worlds import HTTP
from tests.pilot.status.test_waypoints import USES, WAYPOINT, service
from tests.pilot.status.worlds import brief, status


def policy(spec: str, metadata: str = "", namespace: str = "gws") -> str:
    """A policy `p`."""
    more = f", {metadata}" if metadata else ""
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: {namespace}{more}}}
spec: {spec}
"""


def said(*documents: str, namespace: str = "gws", ambient: bool = True) -> dict[str, str]:
    """Conditions of the policy."""
    found: Any = status("AuthorizationPolicy", f"{namespace}/p", *documents, ambient=ambient)
    return brief(found["conditions"]) if found else {}


def test_ztunnel_knows_connections_only() -> None:
    plain = policy('{rules: [{from: [{source: {namespaces: [a]}}], to: [{operation: {ports: ["80"]}}]}]}')
    assert said(plain) == {"ZtunnelAccepted": "True Accepted"}
    requests = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}")
    assert said(requests) == {"ZtunnelAccepted": "True UnsupportedValue"}
    assert said(policy("{rules: [{when: [{key: remote.ip, values: [1.2.3.4]}]}]}")) == {
        "ZtunnelAccepted": "True UnsupportedValue"
    }
    assert said(plain, ambient=False) == {}


def test_dry_runs_count_where_ztunnel_gets_them() -> None:
    dry = policy("{rules: [{}]}", "annotations: {istio.io/dry-run: 'true'}")
    assert said(dry) == {}
    found: Any = status("AuthorizationPolicy", "gws/p", dry, ambient=True, ambient_dry_run=True)
    assert brief(found["conditions"]) == {"ZtunnelAccepted": "True Accepted"}


def test_policies_that_ztunnel_never_gets() -> None:
    dry = 'annotations: {istio.io/dry-run: "true"}'
    assert said(policy("{action: DENY}", dry)) == {"ZtunnelAccepted": "False UnsupportedValue"}
    assert said(policy("{}", dry)) == {}
    assert said(policy("{action: AUDIT, rules: [{}]}")) == {}


def test_targets_are_bound_or_not() -> None:
    def target(kind: str, name: str, group: str = "gateway.networking.k8s.io") -> str:
        return f'{{group: "{group}", kind: {kind}, name: {name}}}'

    def of(*targets: str, namespace: str = "gws") -> str:
        written = policy(f"{{targetRefs: [{', '.join(targets)}], rules: [{{}}]}}", namespace=namespace)
        bound_service = service(USES)
        return said(HTTP, WAYPOINT, bound_service, written, namespace=namespace)["WaypointAccepted"]

    main, missing = target("Gateway", "main"), target("Gateway", "nobody")
    assert of(main) == "True Accepted"
    assert of(missing) == "False TargetNotFound"
    assert of(main, missing) == "True PartiallyInvalid"
    assert of(target("GatewayClass", "istio-waypoint")) == "False Invalid"
    assert of(target("GatewayClass", "istio-waypoint"), namespace="istio-system") == "True Accepted"
    assert of(target("Service", "web", ""), namespace="app") == "True Accepted"
    assert of(target("Service", "wp", ""), namespace="app") == "False AncestorNotBound"
    assert of(target("ServiceEntry", "nobody", "networking.istio.io")) == "False TargetNotFound"
    assert of(missing, target("Service", "wp", ""), namespace="app") == "False Invalid"
