from pilot.analysis.webhooks import addresses, injectors
from tests.pilot.analysis.worlds import said

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: istiod, namespace: istio-system}}"


def hook(name: str, client: str = "service: {name: istiod, namespace: istio-system}", namespaces: str = "") -> str:
    place = f"{{name: i.istio.io, clientConfig: {{{client}}}, namespaceSelector: {{{namespaces}}}}}"
    return f"{{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {{name: {name}}}, webhooks: [{place}]}}"  # noqa: E501


def test_two_injectors_may_not_choose_one_pod() -> None:
    origin = "MutatingWebhookConfiguration"
    enabled = "matchLabels: {istio-injection: enabled}"
    other = "matchExpressions: [{key: istio-injection, operator: In, values: [enabled, on]}]"
    away = "matchExpressions: [{key: istio-injection, operator: DoesNotExist}]"
    assert said(injectors, SERVICE, hook("a", namespaces=enabled), hook("b", namespaces=other)) == [
        ("IST0139", f"{origin} a"), ("IST0139", f"{origin} b")]  # fmt: skip
    assert said(injectors, SERVICE, hook("a", namespaces=enabled), hook("b", namespaces=away)) == []
    assert said(injectors, hook("a")) == [("IST0139", f"{origin} a")]  # nobody answers


def test_urls_have_names_of_hosts() -> None:
    for url, code in (("https://10.0.0.1/x", "IST0164"), ("https://[::1]:1/x", "IST0164"), ("https://:15017/x", "IST0163"),  # noqa: E501
                      ("https://a:b/x", "IST0163"), ("", "IST0163"), ("https://cp.test/x", "")):  # fmt: skip
        name = "istio-sidecar-injector-a"
        expected = [(code, f"MutatingWebhookConfiguration {name}")] if code else []
        assert said(addresses, hook(name, f"url: '{url}'")) == expected, url


def test_a_webhook_of_istio_leads_somewhere() -> None:
    name = "istio-sidecar-injector"
    assert said(addresses, hook(name, "")) == [("IST0163", f"MutatingWebhookConfiguration {name}")]
    assert said(addresses, hook(name)) == []
    assert said(addresses, hook("somebody-elses", "url: 'https://10.0.0.1/x'")) == []
