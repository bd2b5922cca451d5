from pilot.analysis.namespaces import injection, missing_proxies
from tests.pilot.analysis.worlds import MESHED, POD, said

BARE = POD.replace(', {name: istio-proxy, image: "hub/proxyv2:1"}', "")


def namespace(labels: str) -> str:
    return f"{{apiVersion: v1, kind: Namespace, metadata: {{name: n, labels: {{{labels}}}}}}}"


def test_a_namespace_should_say_one_thing() -> None:
    outside = ("IST0102", "Namespace default")
    assert said(injection, namespace("a: b")) == [outside, ("IST0102", "Namespace n")]
    assert said(injection, namespace("istio.io/rev: r")) == [outside]
    assert said(injection, namespace("istio-injection: enabled, istio.io/dataplane-mode: ambient")) == [
        ("IST0123", "Namespace n"), outside]  # fmt: skip
    assert said(injection, namespace("istio-injection: disabled, istio.io/dataplane-mode: ambient")) == [outside]


def test_injection_by_default_is_told_instead() -> None:
    values = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-sidecar-injector, namespace: istio-system}, data: {values: '{sidecarInjectorWebhook: {enableNamespacesByDefault: true}}'}}"  # noqa: E501
    assert said(injection, values) == [("IST0148", "Namespace default")]


def test_pods_that_were_there_before_injection_lack_a_proxy() -> None:
    assert said(missing_proxies, MESHED, BARE) == [("IST0103", "Pod shop/fruit-1")]
    assert said(missing_proxies, MESHED, POD) == []
    assert said(missing_proxies, MESHED, BARE.replace("spec: {", "spec: {hostNetwork: true, ")) == []
    assert said(missing_proxies, BARE) == []
