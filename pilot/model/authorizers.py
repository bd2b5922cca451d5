"""External authorizers: which service of the mesh decides for policies with action CUSTOM.

In: the name of an extension provider, MeshConfig, services. Out: the provider with the host and port to ask, or why
nobody can be asked. Source: xDS behaviour 7.7 (CUSTOM).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pilot.memo import memoized
from pilot.model.authorization_values import is_header_name
from pilot.model.extension_provider import ExtAuthzGrpc, ExtAuthzHttp, ExtAuthzRequestBody
from pilot.model.mesh import MeshConfig
from pilot.model.service import Service


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Whom to ask, and how; with a `fault` nobody can be asked."""

    provider: ExtAuthzHttp | ExtAuthzGrpc | None = None
    host: str = ""
    port: int = 0
    fault: str = ""


def resolve(name: str, mesh: MeshConfig, services: tuple[Service, ...]) -> Authorizer:
    """The authorizer of that name."""
    if not name:
        return Authorizer(fault="expected the name of an extension provider, got none")
    declared = mesh.provider(name)
    provider = (declared.envoy_ext_authz_http or declared.envoy_ext_authz_grpc) if declared is not None else None
    if provider is None:
        return Authorizer(fault=f'expected an external authorizer among the extension providers, got "{name[:80]}"')
    fault = _settings_fault(provider)
    namespace, _, host = provider.service.rpartition("/")
    found = {each.namespace: each for each in _by_host(services).get(host, ()) if namespace in ("", each.namespace)}
    if fault is None and len(found) != 1:
        which = "no such service" if not found else f"it in {len(found)} namespaces"
        fault = f'expected one service "{provider.service[:200]}", got {which}'
    if fault is None and next(iter(found.values())).port(provider.port) is None:
        fault = f"expected port {provider.port} of {host}, got a service without it"
    if fault is not None:
        return Authorizer(fault=f'extension provider "{name[:80]}": {fault}')
    return Authorizer(provider, host, provider.port)


@memoized(size=4)
def _by_host(services: tuple[Service, ...]) -> Mapping[str, tuple[Service, ...]]:
    found: dict[str, list[Service]] = {}
    for each in services:
        found.setdefault(each.hostname, []).append(each)
    return {host: tuple(each) for host, each in found.items()}


def _settings_fault(provider: ExtAuthzHttp | ExtAuthzGrpc) -> str | None:
    body: ExtAuthzRequestBody | None = provider.include_request_body_in_check
    status = provider.status_on_error
    if status and not (status.isascii() and status.isdecimal() and _is_status(int(status[:4]))):
        return f'expected an HTTP status as statusOnError, got "{status[:80]}"'
    if body is not None and not body.max_request_bytes:
        return "expected maxRequestBytes of 1 or more with includeRequestBodyInCheck, got 0"
    if isinstance(provider, ExtAuthzHttp):
        if provider.path_prefix and not provider.path_prefix.startswith("/"):
            return f'expected a pathPrefix that starts with /, got "{provider.path_prefix[:80]}"'
        for name, value in provider.include_additional_headers_in_check.items():
            if not is_header_name(name) or _BROKEN_LINE.search(value) or "%" in _OPERATOR.sub("", value):
                return f'expected headers in includeAdditionalHeadersInCheck, got "{name[:80]}: {value[:80]}"'
    return None


_OPERATOR = re.compile(
    r"%%|%REQ\([A-Za-z0-9_:-]+(\?[A-Za-z0-9_:-]+)?\)(:[0-9]{1,4})?%"
    r"|%(ROUTE_NAME|VIRTUAL_CLUSTER_NAME|PROTOCOL|START_TIME|REQUESTED_SERVER_NAME|HOSTNAME|CONNECTION_ID|STREAM_ID"
    r"|DOWNSTREAM_(REMOTE|LOCAL|DIRECT_REMOTE)_ADDRESS(_WITHOUT_PORT)?|DOWNSTREAM_LOCAL_PORT"
    r"|DOWNSTREAM_(PEER|LOCAL)_(URI_SAN|SUBJECT)|DOWNSTREAM_PEER_(ISSUER|SERIAL|CERT|FINGERPRINT_256)"
    r"|DOWNSTREAM_TLS_(VERSION|CIPHER|SESSION_ID))%"
)
"""What every Envoy replaces in the value of a header; one that it does not know would cost the whole listener."""
_BROKEN_LINE = re.compile(r"[\x00\r\n]")
_ENVOY_LACKS = frozenset({101, 102, 103, 418, 425, 451})


def _is_status(code: int) -> bool:
    """Whether Envoy knows the status; it knows fewer than there are."""
    return code in {int(each) for each in HTTPStatus} - _ENVOY_LACKS
