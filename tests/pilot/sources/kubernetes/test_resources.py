"""Paths of kinds, and which are watched."""

from dataclasses import replace

import pytest

from pilot.model.features import Features
from pilot.sources.kinds import KINDS
from pilot.sources.kubernetes.resources import Resource, Wanted, plural_of, select_resources

PLURALS = {
    "Pod": "pods",
    "Ingress": "ingresses",
    "GatewayClass": "gatewayclasses",
    "BackendTLSPolicy": "backendtlspolicies",
    "ServiceEntry": "serviceentries",
    "Gateway": "gateways",
    "Endpoints": "endpoints",
    "EndpointSlice": "endpointslices",
    "HTTPRoute": "httproutes",
    "Sidecar": "sidecars",
    "XListenerSet": "xlistenersets",
}


@pytest.mark.parametrize("name", PLURALS)
def test_plural_is_what_kubernetes_says(name: str) -> None:
    assert plural_of(name) == PLURALS[name]


def by_definition(features: Features | None = None, wanted: Wanted | None = None) -> dict[str, Resource]:
    found = select_resources(features or Features(alpha_gateway_api=True), wanted)
    return {each.definition or each.plural: each for each in found}


def test_paths_have_the_group_and_perhaps_a_namespace() -> None:
    found = by_definition()
    assert found["pods"].path("v1") == "/api/v1/pods"
    assert found["pods"].path("v1", "shop") == "/api/v1/namespaces/shop/pods"
    rules = found["destinationrules.networking.istio.io"]
    assert rules.path("v1", "shop") == "/apis/networking.istio.io/v1/namespaces/shop/destinationrules"


def test_two_kinds_of_one_name_are_two_resources() -> None:
    assert {"gateways.networking.istio.io", "gateways.gateway.networking.k8s.io"} <= by_definition().keys()


def test_what_is_asked_of_the_api_server_is_not_watched() -> None:
    plurals = {each.plural for each in by_definition().values()}
    assert not plurals & {"endpoints", "serviceaccounts", "roles", "clusterrolebindings"}
    assert {"services", "endpointslices", "namespaces", "nodes", "secrets", "configmaps", "ingresses"} <= plurals


def test_every_other_kind_is_watched() -> None:
    assert len(by_definition(Features(alpha_gateway_api=True, mcs_discovery=True))) == len(KINDS) - 6


def test_switches_take_kinds_away() -> None:
    without = by_definition(Features(gateway_api=False))
    assert not [each for each in without if each.endswith((".k8s.io", ".x-k8s.io")) and "gateway" in each]
    assert not [each for each in by_definition() if "multicluster" in each]
    stable = by_definition(replace(Features(), gateway_api=True, alpha_gateway_api=False))
    assert "httproutes.gateway.networking.k8s.io" in stable
    assert "tcproutes.gateway.networking.k8s.io" not in stable


def test_operator_ignores_and_includes_by_name_or_group() -> None:
    found = by_definition(wanted=Wanted(("*.istio.io",), ("sidecars.networking.istio.io",)))
    assert [each for each in found if each.endswith("istio.io")] == ["sidecars.networking.istio.io"]
    assert "pods" in found


def test_caller_may_want_few_kinds() -> None:
    assert by_definition(wanted=Wanted(kinds=frozenset(("Pod", "Service")))).keys() == {"pods", "services"}


def test_only_useful_pods_and_secrets_are_listed() -> None:
    found = by_definition()
    assert found["pods"].query == "fieldSelector=status.phase%21%3DFailed"
    assert "helm.sh" in found["secrets"].query
    assert found["services"].query == ""


def test_some_of_a_kind_are_asked_for_by_a_label_and_may_be_missing() -> None:
    kinds = Wanted(kinds=frozenset({"KubernetesGateway"}), labels={"KubernetesGateway": "topology.istio.io/network"})
    (found,) = select_resources(Features(), kinds)
    assert found.query == "labelSelector=topology.istio.io/network"
    assert found.is_optional
