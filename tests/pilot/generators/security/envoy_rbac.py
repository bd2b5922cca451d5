"""Decides as Envoy's RBAC filters do, by the very messages that Envoy is sent.

Comes in: filters, serialized, and a call. Goes out: whether the filters let it pass, and which policies of shadow rules
fit. Covers what the product generates; anything else is an error.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import re2
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC as HTTP_RBAC
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.rbac.v3.rbac_pb2 import RBAC as TCP_RBAC
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig

from pilot.generators.envoy.wire import Extension
from tests.pilot.generators.security.reference import Call

JWT = "envoy.filters.http.jwt_authn"


def configuration(extension: Extension) -> Any:
    """The RBAC message of a filter."""
    packed = HttpFilter.FromString(extension.body).typed_config
    kind = HTTP_RBAC if ".http." in packed.type_url else TCP_RBAC
    return kind.FromString(packed.value)


def passes(filters: Iterable[Extension], call: Call) -> bool:
    """Whether all of them let it pass."""
    return all(_passes(configuration(each), call) for each in filters if each.name.endswith(".rbac"))


def _passes(config: Any, call: Call) -> bool:
    if not config.HasField("rules"):
        return True
    fits = any(_policy(each, call) for each in config.rules.policies.values())
    match config.rules.action:
        case RBAC.ALLOW:
            return fits
        case RBAC.DENY:
            return not fits
    return True


def shadow_policies(extension: Extension, call: Call) -> list[str]:
    """Keys of the shadow policies that fit."""
    policies = configuration(extension).shadow_rules.policies
    return sorted(key for key, each in policies.items() if _policy(each, call))


def _policy(policy: Any, call: Call) -> bool:
    return any(_permission(each, call) for each in policy.permissions) and any(
        _principal(each, call) for each in policy.principals
    )


def _permission(rule: Any, call: Call) -> bool:
    kind = rule.WhichOneof("rule")
    match kind:
        case "any":
            return bool(rule.any)
        case "and_rules":
            return all(_permission(each, call) for each in rule.and_rules.rules)
        case "or_rules":
            return any(_permission(each, call) for each in rule.or_rules.rules)
        case "not_rule":
            return not _permission(rule.not_rule, call)
        case "header":
            return _header(rule.header, call)
        case "url_path":
            return call.http is not None and _text(rule.url_path.path, call.http.path.partition("?")[0])
        case "uri_template":
            config = UriTemplateMatchConfig.FromString(rule.uri_template.typed_config.value)
            return call.http is not None and _template(config.path_template, call.http.path.partition("?")[0])
        case "destination_ip":
            return _cidr(rule.destination_ip, call.destination)
        case "destination_port":
            return bool(rule.destination_port == call.port)
        case "requested_server_name":
            return _text(rule.requested_server_name, call.sni)
    raise NotImplementedError(kind)


def _principal(one: Any, call: Call) -> bool:
    kind = one.WhichOneof("identifier")
    match kind:
        case "any":
            return bool(one.any)
        case "and_ids":
            return all(_principal(each, call) for each in one.and_ids.ids)
        case "or_ids":
            return any(_principal(each, call) for each in one.or_ids.ids)
        case "not_id":
            return not _principal(one.not_id, call)
        case "authenticated":
            return bool(call.identity) and _text(one.authenticated.principal_name, f"spiffe://{call.identity}")
        case "direct_remote_ip":
            return _cidr(one.direct_remote_ip, call.source)
        case "remote_ip":
            return _cidr(one.remote_ip, call.remote)
        case "header":
            return _header(one.header, call)
        case "metadata":
            return _metadata(one.metadata, call)
    raise NotImplementedError(kind)


def _header(header: Any, call: Call) -> bool:
    if call.http is None:
        raise AssertionError("a connection has no headers")
    pseudo = {":authority": call.http.host, ":method": call.http.method, ":path": call.http.path}
    headers: Mapping[str, str] = {**call.http.headers, **pseudo}
    if header.name not in headers:
        return False
    if header.WhichOneof("header_match_specifier") == "present_match":
        return bool(header.present_match)
    return _text(header.string_match, headers[header.name])


def _text(matcher: Any, actual: str) -> bool:
    kind = matcher.WhichOneof("match_pattern")
    if kind == "safe_regex":
        return re2.fullmatch(matcher.safe_regex.regex, actual) is not None
    wanted = getattr(matcher, kind)
    if kind in ("prefix", "suffix"):
        assert wanted, "Envoy refuses an empty prefix or suffix"
    if matcher.ignore_case:
        wanted, actual = wanted.lower(), actual.lower()
    match kind:
        case "exact":
            return bool(actual == wanted)
        case "prefix":
            return actual.startswith(wanted)
        case "suffix":
            return actual.endswith(wanted)
    raise NotImplementedError(kind)


def _cidr(wanted: Any, address: str) -> bool:
    network = ip_network(f"{wanted.address_prefix}/{wanted.prefix_len.value}", strict=False)
    return ip_address(address).version == network.version and ip_address(address) in network


def _template(template: str, path: str) -> bool:
    """`*` is one segment, `**` the rest, none included."""
    parts = re.split(r"(\*\*?)", template)
    regex = "".join({"*": "[^/]+", "**": ".*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, path) is not None


def _metadata(matcher: Any, call: Call) -> bool:
    assert matcher.filter == JWT
    assert call.http is not None
    value: Any = {"payload": call.http.claims} if call.http.claims else {}
    for segment in matcher.path:
        if not isinstance(value, dict) or segment.key not in value:
            return False
        value = value[segment.key]
    return _value(matcher.value, value)


def _value(matcher: Any, actual: Any) -> bool:
    kind = matcher.WhichOneof("match_pattern")
    match kind:
        case "string_match":
            return isinstance(actual, str) and _text(matcher.string_match, actual)
        case "list_match":
            return isinstance(actual, list) and any(_value(matcher.list_match.one_of, each) for each in actual)
        case "or_match":
            return any(_value(each, actual) for each in matcher.or_match.value_matchers)
    raise NotImplementedError(kind)
