from pilot.analysis.images import automatic, mismatches, users
from tests.pilot.analysis.worlds import MESHED, POD, said

INJECTOR = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-sidecar-injector, namespace: istio-system},
 data: {values: '{global: {hub: hub, tag: "1"}}'}}
"""
DEPLOYMENT = """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop},
 spec: {template: {metadata: {labels: {app: d}}, spec: {containers: [{name: istio-proxy, image: auto}]}}}}
"""
HOOK = """
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: h},
 webhooks: [{name: i.istio.io, namespaceSelector: {matchLabels: {istio-injection: enabled}}}]}
"""


def test_a_proxy_of_another_version_is_seen_whatever_its_variant() -> None:
    assert said(mismatches, MESHED, POD, INJECTOR) == []
    assert said(mismatches, MESHED, POD.replace("proxyv2:1", "proxyv2:1-distroless"), INJECTOR) == []
    assert said(mismatches, MESHED, POD.replace("proxyv2:1", "proxyv2:0"), INJECTOR) == [("IST0158", "Namespace shop")]
    assert said(mismatches, MESHED, POD.replace("proxyv2:1", "proxyv2:0")) == []  # no injector is known


def test_image_auto_needs_an_injector() -> None:
    assert said(automatic, MESHED, DEPLOYMENT) == [("IST0146", "Deployment shop/d")]
    assert said(automatic, MESHED, DEPLOYMENT, HOOK) == []
    assert said(automatic, POD.replace('"hub/proxyv2:1"', "auto")) == [("IST0147", "Pod shop/fruit-1")]


def test_the_proxys_user_is_the_proxys() -> None:
    assert said(users, POD) == []
    assert said(users, POD.replace("image: a}", "image: a, securityContext: {runAsUser: 1337}}")) == [
        ("IST0144", "Pod shop/fruit-1")]  # fmt: skip
    assert said(users, POD.replace("spec: {", "spec: {securityContext: {runAsUser: 1337}, ")) == [
        ("IST0144", "Pod shop/fruit-1")]  # fmt: skip
