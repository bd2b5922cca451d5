"""What Envoy's authorization filters would say to a request.

In: an RBAC message, a request, where it arrives. Out: the policy that decides, if one does. Claims of tokens and
dynamic metadata count as absent: nobody here has checked a token.
"""

from dataclasses import dataclass
from typing import Any

from pilot.explain.matching import fits_header, fits_range, fits_text
from pilot.explain.request import Request


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a request arrives."""

    address: str
    port: int
    server_name: str = ""


def matching_policy(rbac: Any, request: Request, arrival: Arrival) -> str:
    """The key of the first policy that fits; empty: none does."""
    for key, policy in sorted(rbac.policies.items()):
        may = any(_permits(each, request, arrival) for each in policy.permissions)
        if may and any(_is(each, request) for each in policy.principals):
            return str(key)
    return ""


def _permits(rule: Any, request: Request, arrival: Arrival) -> bool:
    kind = rule.WhichOneof("rule")
    match kind:
        case "any":
            return bool(rule.any)
        case "and_rules":
            return all(_permits(each, request, arrival) for each in rule.and_rules.rules)
        case "or_rules":
            return any(_permits(each, request, arrival) for each in rule.or_rules.rules)
        case "not_rule":
            return not _permits(rule.not_rule, request, arrival)
        case "header":
            return fits_header(rule.header, request)
        case "url_path":
            return fits_text(rule.url_path.path, request.plain_path)
        case "uri_template":
            return _fits_template(rule.uri_template, request.plain_path)
        case "destination_port":
            return bool(rule.destination_port == arrival.port)
        case "destination_ip":
            return fits_range(rule.destination_ip, arrival.address)
        case "requested_server_name":
            return fits_text(rule.requested_server_name, arrival.server_name)
    return False


def _is(who: Any, request: Request) -> bool:
    match who.WhichOneof("identifier"):
        case "any":
            return bool(who.any)
        case "and_ids":
            return all(_is(each, request) for each in who.and_ids.ids)
        case "or_ids":
            return any(_is(each, request) for each in who.or_ids.ids)
        case "not_id":
            return not _is(who.not_id, request)
        case "authenticated":
            return bool(request.identity) and fits_text(who.authenticated.principal_name, request.identity)
        case "filter_state":
            return bool(request.identity) and fits_text(who.filter_state.string_match, request.identity)
        case "direct_remote_ip":
            return fits_range(who.direct_remote_ip, request.source)
        case "remote_ip":
            return fits_range(who.remote_ip, request.source)
        case "header":
            return fits_header(who.header, request)
    return False


def _fits_template(extension: Any, path: str) -> bool:
    from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig

    config = UriTemplateMatchConfig()
    extension.typed_config.Unpack(config)
    return _segments(config.path_template.strip("/").split("/"), path.strip("/").split("/"))


def _segments(template: list[str], path: list[str]) -> bool:
    if not template:
        return not path
    first, rest = template[0], template[1:]
    if first == "**":
        return any(_segments(rest, path[index:]) for index in range(len(path) + 1))
    return bool(path) and first in ("*", path[0]) and _segments(rest, path[1:])
