"""Policies with action CUSTOM: marked, then asked about; refused where nobody can be asked."""

from typing import Any

import pytest

from pilot.generators.envoy.http_filters import NOTHING, Side, Slot
from pilot.generators.security import custom, http_filters, tcp_filters
from pilot.generators.security.rbac import Layer, Trust
from pilot.model.authorizers import Authorizer
from pilot.model.extension_provider import ExtAuthzGrpc, ExtAuthzHttp
from pilot.model.mesh import MeshConfig
from pilot.view.security import NO_SECURITY, Security
from tests.pilot.generators.security.test_rbac import ANY, EVERYTHING, policy, shown

TRUST = Trust("cluster.local")
GRPC, HTTP = Authorizer(ExtAuthzGrpc(), "authz", 80), Authorizer(ExtAuthzHttp(), "authz", 80)
NOBODY = Authorizer(fault="no such service")
KEY = "istio-ext-authz-ns[shop]-policy[p]-rule[0]"
BAD = f"{KEY}-deny-due-to-bad-CUSTOM-action"


def names(security: Security, layer: Layer) -> list[str]:
    return [each.name.removeprefix("envoy.filters.") for each in custom.build(security, TRUST, layer)]


def secured(authorizer: Authorizer | None, **more: Any) -> Security:
    return Security((policy("CUSTOM", ANY, **more),), authorizer)


def test_the_mark_comes_before_the_question() -> None:
    assert names(secured(GRPC), Layer.HTTP) == ["http.rbac", "http.ext_authz"]
    assert names(secured(GRPC), Layer.TCP) == ["network.rbac", "network.ext_authz"]
    mark = shown(custom.build(secured(GRPC), TRUST, Layer.HTTP)[0])
    assert mark == {
        "shadowRules": {"action": "DENY", "policies": {KEY: EVERYTHING}},
        "shadowRulesStatPrefix": "istio_ext_authz_",
    }


def test_an_http_service_is_not_asked_about_connections() -> None:
    assert names(secured(HTTP), Layer.HTTP) == ["http.rbac", "http.ext_authz"]
    assert names(secured(HTTP), Layer.TCP) == []


@pytest.mark.parametrize("layer", list(Layer))
def test_where_nobody_can_be_asked_it_is_refused(layer: Layer) -> None:
    (found,) = custom.build(secured(NOBODY), TRUST, layer)
    assert shown(found)["rules"] == {"action": "DENY", "policies": {BAD: EVERYTHING}}


def test_a_broken_policy_refuses_and_others_are_asked_about() -> None:
    broken = policy("CUSTOM", name="broken", broken=True)
    security = Security((broken, policy("CUSTOM", ANY)), HTTP)
    refusing, mark, _ = custom.build(security, TRUST, Layer.HTTP)
    assert shown(refusing)["rules"]["policies"] == {BAD.replace("[p]", "[broken]"): EVERYTHING}
    assert list(shown(mark)["shadowRules"]["policies"]) == [KEY]
    assert names(security, Layer.TCP) == ["network.rbac"]
    assert names(Security((broken,), GRPC), Layer.HTTP) == ["http.rbac"]


def test_without_the_action_there_is_nothing() -> None:
    assert names(Security((policy("DENY", ANY),)), Layer.HTTP) == []


def test_all_filters_have_their_slots_and_none_is_on_the_way_out() -> None:
    security, mesh = Security((policy("CUSTOM", ANY), policy("DENY", ANY)), GRPC), MeshConfig()
    found = http_filters(security, mesh, Side.INBOUND)
    assert {slot: len(filters) for slot, filters in found.items()} == {
        Slot.CUSTOM_AUTHORIZATION: 2, Slot.JWT: 0, Slot.AUTHORIZATION: 1
    }  # fmt: skip
    assert http_filters(security, mesh, Side.OUTBOUND) is NOTHING
    assert http_filters(NO_SECURITY, mesh, Side.INBOUND) is NOTHING
    assert [len(each) for each in tcp_filters(security, mesh)] == [2, 1]
    assert tcp_filters(NO_SECURITY, mesh) == ((), ())
