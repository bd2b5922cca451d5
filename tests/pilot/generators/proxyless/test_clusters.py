"""Clusters of gRPC clients."""

from typing import Any

from pilot.generators.proxyless import clusters
from tests.pilot.generators.proxyless.shop import SHOP, view, with_object
from tests.recordings import as_json

NAME = "outbound|7070||echo.app.svc.cluster.local"
SUBSET = "outbound|7070|v1|echo.app.svc.cluster.local"


def _made(text: str = SHOP, *names: str) -> dict[str, Any]:
    return as_json(clusters.build(view(text), frozenset(names) or None))


def _ruled(policy: str) -> dict[str, Any]:
    rule = f"{{host: echo, trafficPolicy: {policy}, subsets: [{{name: v1, labels: {{version: v1}}}}]}}"
    return _made(with_object("DestinationRule", rule))


def test_endpoints_come_by_eds_and_little_else_is_said() -> None:
    made = _made(SHOP, NAME)[NAME]
    assert set(made) == {"name", "altStatName", "type", "edsClusterConfig"}
    assert made["edsClusterConfig"]["serviceName"] == NAME


def test_only_what_is_named_is_told() -> None:
    assert set(_made(SHOP, NAME, "outbound|1||nobody", "nonsense")) == {NAME}
    assert set(_made()) == {NAME}


def test_mutual_tls_is_spoken_where_a_rule_says_so() -> None:
    made = _ruled("{tls: {mode: ISTIO_MUTUAL}}")
    context = made[NAME]["transportSocket"]["typedConfig"]["commonTlsContext"]
    accepted = context["combinedValidationContext"]["defaultValidationContext"]["matchSubjectAltNames"]
    assert accepted == [{"exact": "spiffe://cluster.local/ns/app/sa/echo"}]
    assert "transportSocket" not in _ruled("{tls: {mode: SIMPLE}}")[NAME]


def test_limits_and_rings() -> None:
    made = _ruled(
        "{connectionPool: {http: {http2MaxRequests: 5}}, loadBalancer: {consistentHash: {httpHeaderName: x}}}"
    )
    assert made[SUBSET]["circuitBreakers"] == {"thresholds": [{"maxRequests": 5}]}
    assert made[SUBSET]["lbPolicy"] == "RING_HASH"
    assert "lbPolicy" not in _ruled("{loadBalancer: {simple: RANDOM}}")[NAME]
