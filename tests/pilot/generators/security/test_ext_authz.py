"""The filters that ask an external authorizer, with all that can be said about it."""

from typing import Any

from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz as HttpExtAuthz
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import ExtAuthz as TcpExtAuthz
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from pilot.generators.security import ext_authz
from pilot.generators.security.rbac import Layer
from pilot.model.authorizers import Authorizer
from pilot.model.duration import Duration
from pilot.model.extension_provider import ExtAuthzGrpc, ExtAuthzHttp, ExtAuthzRequestBody
from tests.pilot.generators.samples import as_json


def built(provider: ExtAuthzHttp | ExtAuthzGrpc, layer: Layer = Layer.HTTP) -> Any:
    extension = ext_authz.build(Authorizer(provider, "authz.shop", 80), layer)
    assert extension.required
    kind = HttpExtAuthz if layer is Layer.HTTP else TcpExtAuthz
    return as_json(kind.FromString(HttpFilter.FromString(extension.body).typed_config.value))


def test_what_holds_without_being_said() -> None:
    found = built(ExtAuthzHttp())
    assert found["httpService"] == {
        "serverUri": {"uri": "http://authz.shop", "cluster": "outbound|80||authz.shop", "timeout": "600s"}
    }
    assert found["transportApiVersion"] == "V3"
    assert found["filterEnabledMetadata"] == {
        "filter": "envoy.filters.http.rbac",
        "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
        "value": {"stringMatch": {"prefix": "istio-ext-authz"}},
    }
    assert set(found) == {"httpService", "transportApiVersion", "filterEnabledMetadata"}


def test_everything_said_about_an_http_service() -> None:
    found = built(
        ExtAuthzHttp(
            timeout=Duration(seconds=2),
            path_prefix="/check",
            fail_open=True,
            status_on_error="503",
            include_headers_in_check=("old",),
            include_request_headers_in_check=("x-a", "x-b*"),
            include_additional_headers_in_check={"z": "1", "a": "2"},
            include_request_body_in_check=ExtAuthzRequestBody(10, True, True),
            headers_to_upstream_on_allow=("u",),
            headers_to_downstream_on_deny=("*d",),
            headers_to_downstream_on_allow=("*",),
        )
    )
    service = found["httpService"]
    assert service["serverUri"]["timeout"] == "2s"
    assert service["pathPrefix"] == "/check"
    assert [each["key"] for each in service["authorizationRequest"]["headersToAdd"]] == ["a", "z"]
    assert service["authorizationResponse"] == {
        "allowedUpstreamHeaders": {"patterns": [{"exact": "u", "ignoreCase": True}]},
        "allowedClientHeaders": {"patterns": [{"suffix": "d", "ignoreCase": True}]},
        "allowedClientHeadersOnSuccess": {"patterns": [{"safeRegex": {"regex": ".+"}}]},
    }
    assert [each.get("exact", each.get("prefix")) for each in found["allowedHeaders"]["patterns"]] == ["x-a", "x-b"]
    assert found["failureModeAllow"] is True
    assert found["statusOnError"] == {"code": "ServiceUnavailable"}
    assert found["withRequestBody"] == {"maxRequestBytes": 10, "allowPartialMessage": True, "packAsBytes": True}


def test_the_deprecated_list_of_headers_counts_alone() -> None:
    patterns = built(ExtAuthzHttp(include_headers_in_check=("old",)))["allowedHeaders"]["patterns"]
    assert patterns == [{"exact": "old", "ignoreCase": True}]


def test_a_grpc_service_is_asked_about_requests_and_connections() -> None:
    provider = ExtAuthzGrpc(timeout=Duration(milliseconds=500), fail_open=True, status_on_error="401")
    service = {
        "envoyGrpc": {"clusterName": "outbound|80||authz.shop", "authority": "authz.shop"},
        "timeout": "0.500s",
    }
    http, tcp = built(provider), built(provider, Layer.TCP)
    assert http["grpcService"] == tcp["grpcService"] == service
    assert http["statusOnError"] == {"code": "Unauthorized"}
    assert tcp["statPrefix"] == "tcp."
    assert tcp["filterEnabledMetadata"]["filter"] == "envoy.filters.network.rbac"
    assert "statusOnError" not in tcp
