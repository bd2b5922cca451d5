from pilot.analysis.workloads import (
    kubernetes_gateways,
    log_providers,
    policies_for_nobody,
    selector_of,
    sidecars,
    sidecars_in_ambient,
    source_namespaces,
    telemetries,
)
from tests.pilot.analysis.worlds import POD, items, said


def sidecar(name: str, selector: str = "") -> str:
    chosen = f"workloadSelector: {{labels: {{{selector}}}}}" if selector else ""
    return f"{{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {{name: {name}, namespace: shop}}, spec: {{{chosen}}}}}"  # noqa: E501


def telemetry(name: str, spec: str = "") -> str:
    return f"{{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {{name: {name}, namespace: shop}}, spec: {{{spec}}}}}"  # noqa: E501


def policy(spec: str, namespace: str = "shop") -> str:
    return f"{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: p, namespace: {namespace}}}, spec: {{{spec}}}}}"  # noqa: E501


def test_sidecars_may_not_meet() -> None:
    a, b = ("IST0110", "Sidecar shop/a"), ("IST0110", "Sidecar shop/b")
    assert said(sidecars, POD, sidecar("a", "app: fruit"), sidecar("b", "app: fruit")) == [a, b]
    assert said(sidecars, POD, sidecar("a"), sidecar("b", "app: fruit")) == []
    assert said(sidecars, POD, sidecar("a"), sidecar("b")) == [(code.replace("110", "111"), o) for code, o in (a, b)]
    assert said(sidecars, POD, sidecar("a", "app: nobody")) == [("IST0101", "Sidecar shop/a")]


def test_telemetries_may_not_meet() -> None:
    chosen = "selector: {matchLabels: {app: fruit}}"
    assert {code for code, _ in said(telemetries, POD, telemetry("a", chosen), telemetry("b", chosen))} == {"IST0159"}
    assert {code for code, _ in said(telemetries, telemetry("a"), telemetry("b"))} == {"IST0160"}


def test_logs_need_a_provider() -> None:
    found = [("IST0157", "Telemetry shop/a")]
    assert said(log_providers, telemetry("a", "accessLogging: [{}]")) == found
    assert said(log_providers, telemetry("a", "accessLogging: [{disabled: true}]")) == []
    mesh = {"defaultProviders": {"accessLogging": ["envoy"]}}
    assert said(log_providers, telemetry("a", "accessLogging: [{}]"), mesh=mesh) == []


def test_a_policy_is_for_somebody() -> None:
    found = [("IST0127", "AuthorizationPolicy shop/p")]
    assert said(policies_for_nobody, POD, policy("selector: {matchLabels: {app: none}}")) == found
    assert said(policies_for_nobody, POD, policy("selector: {matchLabels: {app: fruit}}", "istio-system")) == []
    assert said(policies_for_nobody, policy("rules: [{}]")) == found
    assert said(policies_for_nobody, policy("rules: [{}]", "istio-system")) == []


def test_policies_speak_of_namespaces_that_are_there() -> None:
    for field in ("namespaces", "notNamespaces"):
        text = policy(f"rules: [{{from: [{{source: {{{field}: [shop, 'sh*', '*p', '*', gone]}}}}]}}]")
        assert said(source_namespaces, text) == [("IST0101", "AuthorizationPolicy shop/p")]


def test_pods_of_kubernetes_gateways_are_reached_by_reference() -> None:
    gateway = "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: shop}}"
    pod = POD.replace("app: fruit", "gateway.networking.k8s.io/gateway-name: g")
    chosen = "selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: g}}"
    assert said(kubernetes_gateways, gateway, pod, policy(chosen)) == [("IST0166", "AuthorizationPolicy shop/p")]
    assert said(kubernetes_gateways, pod, policy(chosen, "istio-system")) == []
    assert said(kubernetes_gateways, gateway, pod, policy("rules: [{}]")) == []


def test_sidecars_do_nothing_in_ambient_mode() -> None:
    ambient = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}"
    found = [("IST0167", "Sidecar shop/a")]
    assert said(sidecars_in_ambient, ambient, sidecar("a")) == found
    assert said(sidecars_in_ambient, ambient, POD, sidecar("a", "app: fruit")) == found
    assert said(sidecars_in_ambient, POD, sidecar("a", "app: fruit")) == []


def test_every_kind_has_its_selector() -> None:
    (found,) = items(sidecar("a", "app: x"))
    assert selector_of(found) == {"app": "x"}
