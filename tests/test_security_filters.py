"""Where security filters stand in the listeners of sidecars and gateways, and where there are none."""

from collections.abc import Iterator
from typing import Any

import pytest
from envoy.config.core.v3.base_pb2 import Extension

from tests import recordings
from tests.pilot.generators import worlds

POLICIES = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: istio-system}
spec: {action: DENY, rules: [{from: [{source: {namespaces: [evil]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: asked}, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: i, jwks: '{"keys":[{"kty":"EC"}]}'}]}
"""
CLIENT = """
apiVersion: v1
kind: Service
metadata: {name: client, namespace: default}
spec:
  clusterIP: 10.0.0.9
  selector: {app: client}
  ports: [{name: http, port: 80}, {name: tcp, port: 90}, {name: what, port: 70}]
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [a.example.com]}
  - {port: {number: 15443, name: auto, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ["*.local"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: gw, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gw]
  tcp: [{match: [{port: 9000}], route: [{destination: {host: reviews.default.svc.cluster.local}}]}]
  tls: [{match: [{port: 9443, sniHosts: [a.example.com]}],
         route: [{destination: {host: reviews.default.svc.cluster.local}}]}]
"""
MESH = "extensionProviders: [{name: asked, envoyExtAuthzGrpc: {service: reviews.default.svc.cluster.local, port: 80}}]"
ROUTER = "envoy.filters.http.router"
RBAC = "envoy.filters.http.rbac"
HTTP = [RBAC, "envoy.filters.http.ext_authz", "envoy.filters.http.jwt_authn", RBAC]
TCP = ["envoy.filters.network.rbac", "envoy.filters.network.ext_authz", "envoy.filters.network.rbac"]
SECURITY = frozenset((*HTTP, *TCP))
OBJECTS = f"{worlds.REVIEWS}\n---\n{CLIENT}\n---\n{GATEWAY}\n---\n{POLICIES}"


def chains(listener: Any) -> Iterator[tuple[str, list[str]]]:
    """Names of chains, each with its network filters and, in their place, HTTP filters."""
    for chain in (*listener.get("filterChains", ()), *filter(None, [listener.get("defaultFilterChain")])):
        names = []
        for each in chain["filters"]:
            names.append(each["name"])
            names += [inner["name"] for inner in each["typedConfig"].get("httpFilters", ())]
        yield chain.get("name", ""), names


def secured(listener: Any) -> list[list[str]]:
    """The security filters of each chain."""
    return [[each for each in names if each in SECURITY] for _, names in chains(listener)]


def test_a_sidecar_enforces_on_the_way_in_only() -> None:
    found = worlds.listeners_of(worlds.view(OBJECTS, mesh=MESH))
    for name, listener in found.items():
        if name != "virtualInbound":
            assert not any(secured(listener)), name
    for name, names in chains(found["virtualInbound"]):
        inside = [each for each in names if each in SECURITY]
        if name == "virtualInbound-blackhole":
            assert inside == []
        else:
            assert inside == (HTTP if ROUTER in names else TCP), name


def test_exchange_of_metadata_comes_first_and_the_proxy_last() -> None:
    found = worlds.listeners_of(worlds.view(OBJECTS, mesh=MESH))
    for name, names in chains(found["virtualInbound"]):
        assert names[0] == "istio.metadata_exchange", name
        assert names[-1] in ("envoy.filters.network.tcp_proxy", ROUTER)
        if ROUTER in names:
            assert names[2:7] == ["istio.metadata_exchange", *HTTP]


def test_every_chain_of_a_gateway_enforces() -> None:
    found = worlds.listeners_of(worlds.view(OBJECTS, worlds.gateway(), MESH))
    assert {name.rpartition("_")[2] for name in found if name.startswith("0.0.0.0")} == {"80", "9000", "9443", "15443"}
    assert secured(found["0.0.0.0_80"]) == [HTTP]
    for name in ("0.0.0.0_9000", "0.0.0.0_9443"):
        inside = secured(found[name])
        assert inside, name
        assert all(each == TCP for each in inside), name
    assert not any(secured(found["0.0.0.0_15443"]))  # AUTO_PASSTHROUGH: the workload itself enforces


@pytest.mark.parametrize("proxy", [worlds.sidecar(), worlds.gateway()], ids=["sidecar", "gateway"])
def test_an_envoy_without_the_filters_gets_them_nevertheless_and_refuses(proxy: dict[str, Any]) -> None:
    router = Extension(name=ROUTER, type_urls=["envoy.extensions.filters.http.router.v3.Router"])
    view = recordings.view_of(recordings.snapshot_of(OBJECTS, MESH), proxy, [router])
    assert view.traits.flavour.is_stock
    found = worlds.listeners_of(view)
    assert any(HTTP in secured(each) for each in found.values())
