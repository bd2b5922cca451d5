from dataclasses import replace
from typing import Any

import pytest
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig
from google.protobuf.any_pb2 import Any as Packed

from pilot.explain.decisions import Arrival, matching_policy
from pilot.explain.request import parse_request
from tests.pilot.explain.worlds import message

REQUEST = replace(parse_request("http://web/a/b"), identity="spiffe://d/ns/n/sa/a", source="10.0.0.1")
ARRIVAL = Arrival("10.1.0.1", 8080, "web")
ANY = {"any": True}


def fits(permission: dict[str, Any] = ANY, principal: dict[str, Any] = ANY) -> bool:
    policies = {"p": {"permissions": [permission], "principals": [principal]}}
    return matching_policy(message(RBAC, {"policies": policies}), REQUEST, ARRIVAL) == "p"


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (ANY, True), ({"not_rule": ANY}, False), ({"and_rules": {"rules": [ANY, {"not_rule": ANY}]}}, False),
        ({"or_rules": {"rules": [{"not_rule": ANY}, ANY]}}, True), ({"destination_port": 8080}, True),
        ({"destination_port": 80}, False), ({"url_path": {"path": {"prefix": "/a"}}}, True),
        ({"header": {"name": ":method", "exact_match": "GET"}}, True), ({"requested_server_name": {"exact": "web"}}, True),  # noqa: E501
        ({"destination_ip": {"address_prefix": "10.1.0.0", "prefix_len": 16}}, True), ({"metadata": {}}, False),
    ],
)  # fmt: skip
def test_what_is_asked_for(permission: dict[str, Any], expected: bool) -> None:
    assert fits(permission) is expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"not_id": ANY}, False), ({"and_ids": {"ids": [ANY]}}, True), ({"or_ids": {"ids": []}}, False),
        ({"authenticated": {"principal_name": {"exact": "spiffe://d/ns/n/sa/a"}}}, True),
        ({"authenticated": {"principal_name": {"exact": "spiffe://d/ns/n/sa/b"}}}, False),
        ({"filter_state": {"key": "k", "string_match": {"prefix": "spiffe://d/"}}}, True),
        ({"direct_remote_ip": {"address_prefix": "10.0.0.1", "prefix_len": 32}}, True),
        ({"remote_ip": {"address_prefix": "10.0.0.2", "prefix_len": 32}}, False),
        ({"header": {"name": "x", "present_match": True}}, False),
        ({"metadata": {"filter": "envoy.filters.http.jwt_authn"}}, False),
    ],
)  # fmt: skip
def test_who_asks(principal: dict[str, Any], expected: bool) -> None:
    assert fits(principal=principal) is expected


@pytest.mark.parametrize(("template", "expected"), [("/a/*", True), ("/**", True), ("/*/c", False), ("/a/**/b", True)])
def test_templates_of_paths(template: str, expected: bool) -> None:
    rbac = message(RBAC, {"policies": {"p": {"permissions": [ANY], "principals": [ANY]}}})
    packed = Packed()
    packed.Pack(UriTemplateMatchConfig(path_template=template))
    rbac.policies["p"].permissions[0].uri_template.typed_config.CopyFrom(packed)
    assert (matching_policy(rbac, REQUEST, ARRIVAL) == "p") is expected
