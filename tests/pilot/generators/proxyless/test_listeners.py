"""Listeners of gRPC clients and servers."""

from typing import Any

import pytest

from pilot.generators.proxyless import listeners
from tests.pilot.generators.proxyless.shop import SHOP, view, with_object
from tests.recordings import as_json

SERVER = "xds.istio.io/grpc/lds/inbound/10.1.0.1:17070"


def _names(*names: str) -> set[str]:
    return set(listeners.build(view(), frozenset(names) or None))


def _served(text: str = SHOP, **labels: str) -> Any:
    return as_json(listeners.build(view(text, **labels), frozenset({SERVER})))[SERVER]["filterChains"][0]


def test_short_names_are_answered_as_they_were_said() -> None:
    assert _names("echo:7070", "echo.app:7070") == {"echo:7070", "echo.app:7070"}


def test_name_without_a_port_means_all_ports() -> None:
    assert _names("echo") == {"echo:7070"}
    assert _names() == {"echo.app.svc.cluster.local:7070"}


@pytest.mark.parametrize("name", ["nobody:7070", "echo:7071", "echo:x", "echo:53", f"{SERVER}x", "xds.istio.io/other"])
def test_what_is_not_there_is_left_out(name: str) -> None:
    assert _names(name) == set()


def test_client_finds_its_routes_by_name() -> None:
    made = as_json(listeners.build(view(), frozenset({"echo:7070"})))["echo:7070"]
    assert made["address"]["socketAddress"] == {"address": "10.0.0.1", "portValue": 7070}
    rds = made["apiListener"]["apiListener"]["rds"]
    assert rds["routeConfigName"] == "outbound|7070||echo.app.svc.cluster.local"


def test_server_without_a_sidecar_label_takes_plaintext_unless_mtls_is_strict() -> None:
    assert _served()["name"] == "inbound-mtls"  # the registry's label counts
    plain = SHOP.replace(", security.istio.io/tlsMode: istio", "")
    assert _served(plain)["name"] == "inbound-plaintext"
    peer = "\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: app}\n"
    strict = plain + peer + "spec: {mtls: {mode: STRICT}}\n"
    assert _served(strict)["transportSocket"]["typedConfig"]["requireClientCertificate"] is True
    assert _served(SHOP + peer + "spec: {mtls: {mode: DISABLE}}\n")["name"] == "inbound-plaintext"


def _filters(spec: str) -> list[Any]:
    made = _served(with_object("AuthorizationPolicy", spec, api="security.istio.io/v1"))
    return list(made["filters"][0]["typedConfig"]["httpFilters"])


def test_server_enforces_policies() -> None:
    filters = _filters("{action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}")
    assert [each["name"] for each in filters] == ["envoy.filters.http.rbac.DENY", "envoy.filters.http.router"]
    assert list(filters[0]["typedConfig"]["rules"]["policies"]) == ["app-x-0"]
    assert _filters("{rules: [{}]}")[0]["name"] == "envoy.filters.http.rbac"


def test_policy_that_asks_somebody_else_denies() -> None:
    filters = _filters("{action: CUSTOM, provider: {name: p}, rules: [{to: [{operation: {paths: [/x]}}]}]}")
    assert filters[0]["typedConfig"]["rules"]["action"] == "DENY"
