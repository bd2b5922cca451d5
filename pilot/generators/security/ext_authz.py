"""The filters that ask an external authorizer.

In: an `Authorizer`. Out: `envoy.filters.http.ext_authz` or `envoy.filters.network.ext_authz`.
Source: xDS behaviour 7.7, A.12.
"""

from collections.abc import Sequence
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationRequest,
    AuthorizationResponse,
    BufferSettings,
    HttpService,
)
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz as HttpExtAuthz
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import ExtAuthz as TcpExtAuthz
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from envoy.type.v3.http_status_pb2 import HttpStatus

from pilot.generators.envoy.wire import Extension, extension
from pilot.generators.security import strings
from pilot.generators.security.rbac import Layer
from pilot.model.authorizers import Authorizer
from pilot.model.cluster_name import outbound
from pilot.model.extension_provider import DEFAULT_EXT_AUTHZ_TIMEOUT, ExtAuthzGrpc, ExtAuthzHttp, ExtAuthzRequestBody

POLICY_PREFIX: Final = "istio-ext-authz"
"""With which the keys of policies begin that the authorizer is asked about."""
MARK_PREFIX: Final = "istio_ext_authz_"
"""With which the RBAC filter's notes begin."""
_KEY: Final = MetadataMatcher.PathSegment(key=f"{MARK_PREFIX}shadow_effective_policy_id")
_MARKED: Final = ValueMatcher(string_match=StringMatcher(prefix=POLICY_PREFIX))


def build(authorizer: Authorizer, layer: Layer) -> Extension:
    """The filter; it asks only about what the RBAC filter before it has marked."""
    provider = authorizer.provider
    assert provider is not None
    common: dict[str, Any] = {
        "failure_mode_allow": provider.fail_open,
        "transport_api_version": ApiVersion.V3,
        "filter_enabled_metadata": MetadataMatcher(filter=layer.value, path=[_KEY], value=_MARKED),
    }
    if isinstance(provider, ExtAuthzGrpc):
        common["grpc_service"] = _grpc(authorizer, provider)
    if layer is Layer.TCP:
        return extension("envoy.filters.network.ext_authz", TcpExtAuthz(**common, stat_prefix="tcp."), required=True)
    if isinstance(provider, ExtAuthzHttp):
        common["http_service"] = _http(authorizer, provider)
        common["allowed_headers"] = _headers(
            provider.include_request_headers_in_check or provider.include_headers_in_check
        )
    if provider.status_on_error:
        common["status_on_error"] = HttpStatus(code=int(provider.status_on_error))
    common["with_request_body"] = _body(provider.include_request_body_in_check)
    return extension("envoy.filters.http.ext_authz", HttpExtAuthz(**common), required=True)


def _grpc(authorizer: Authorizer, provider: ExtAuthzGrpc) -> Any:
    return GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(
            cluster_name=outbound(authorizer.port, authorizer.host), authority=authorizer.host
        ),
        timeout=provider.timeout or DEFAULT_EXT_AUTHZ_TIMEOUT,
    )


def _http(authorizer: Authorizer, provider: ExtAuthzHttp) -> Any:
    added = sorted(provider.include_additional_headers_in_check.items())
    answers = (
        provider.headers_to_upstream_on_allow,
        provider.headers_to_downstream_on_deny,
        provider.headers_to_downstream_on_allow,
    )
    return HttpService(
        server_uri=HttpUri(
            uri=f"http://{authorizer.host}",
            cluster=outbound(authorizer.port, authorizer.host),
            timeout=provider.timeout or DEFAULT_EXT_AUTHZ_TIMEOUT,
        ),
        path_prefix=provider.path_prefix,
        authorization_request=(
            AuthorizationRequest(headers_to_add=[HeaderValue(key=key, value=value) for key, value in added])
            if added
            else None
        ),
        authorization_response=(
            AuthorizationResponse(
                allowed_upstream_headers=_headers(answers[0]),
                allowed_client_headers=_headers(answers[1]),
                allowed_client_headers_on_success=_headers(answers[2]),
            )
            if any(answers)
            else None
        ),
    )


def _headers(names: Sequence[str]) -> Any | None:
    """The headers of these names and patterns; None for no names."""
    found = [strings.pattern(each, ignore_case=True) for each in names if each]
    return ListStringMatcher(patterns=found) if found else None


def _body(settings: ExtAuthzRequestBody | None) -> Any | None:
    if settings is None:
        return None
    return BufferSettings(
        max_request_bytes=settings.max_request_bytes,
        allow_partial_message=settings.allow_partial_message,
        pack_as_bytes=settings.pack_as_bytes,
    )
