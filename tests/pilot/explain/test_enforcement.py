from typing import Any

from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import JwtAuthentication
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from pilot.explain.decisions import Arrival
from pilot.explain.enforcement import Verdict, verdicts
from pilot.explain.request import parse_request
from tests.pilot.explain.worlds import message

EVERYTHING = {"p": {"permissions": [{"any": True}], "principals": [{"any": True}]}}


def said(kind: Any, value: dict[str, Any], *headers: str) -> list[Verdict]:
    made = HttpFilter(name="x")
    made.typed_config.Pack(message(kind, value))
    return list(verdicts([made], parse_request("http://x", "GET", headers), Arrival("10.0.0.1", 80)))


def test_authorization_decides() -> None:
    assert said(RBAC, {"rules": {"action": "DENY", "policies": EVERYTHING}}) == [Verdict("denied by p", True)]
    assert said(RBAC, {"rules": {"action": "DENY"}}) == [Verdict("no DENY policy fits")]
    assert said(RBAC, {"rules": {"action": "ALLOW", "policies": EVERYTHING}}) == [Verdict("allowed by p")]
    assert said(RBAC, {"rules": {"action": "ALLOW"}}) == [Verdict("there are ALLOW policies, and none fits", True)]
    assert said(RBAC, {"rules": {"action": "LOG", "policies": EVERYTHING}}) == [Verdict("noted by AUDIT policy p")]
    (dry,) = said(RBAC, {"shadow_rules": {"action": "DENY", "policies": EVERYTHING}})
    assert (dry.refuses, dry.note.startswith("dry run")) == (False, True)


def test_tokens_and_authorizers_are_told_and_not_judged() -> None:
    tokens = {"providers": {"a": {"issuer": "https://i"}}}
    (without,) = said(JwtAuthentication, tokens)
    (sent,) = said(JwtAuthentication, tokens, "Authorization: Bearer x")
    assert "none is sent" in without.note
    assert "not checked here" in sent.note
    (asked,) = said(ExtAuthz, {"grpc_service": {"envoy_grpc": {"cluster_name": "authz"}}})
    assert asked.note.endswith("authz")
