import pytest
import yaml

from pilot.model.decoding import decode_value
from pilot.model.duration import Duration
from pilot.model.extension_provider import DEFAULT_PROVIDERS, ExtensionProvider, HttpHeader

KINDS = ExtensionProvider.ALTERNATIVES[0]

EVERY_KIND = yaml.safe_load("""
- name: http
  envoyExtAuthzHttp:
    service: bar/authz.bar.svc.cluster.local
    port: "8000"
    timeout: 2s
    pathPrefix: /check
    failOpen: false
    statusOnError: "503"
    includeRequestHeadersInCheck: [x]
    includeAdditionalHeadersInCheck: {a: b}
    includeRequestBodyInCheck: {maxRequestBytes: 4096, allowPartialMessage: true, packAsBytes: true}
    headersToUpstreamOnAllow: [u]
    headersToDownstreamOnDeny: [d]
    headersToDownstreamOnAllow: [o]
- {name: grpc, envoyExtAuthzGrpc: {service: s, port: 9000, failOpen: true, clearRouteCache: true}}
- {name: zipkin, zipkin: {service: s, port: 9411, maxTagLength: 64, enable64bitTraceId: true, path: /api}}
- {name: lightstep, lightstep: {service: s, port: 1, accessToken: t}}
- {name: datadog, datadog: {service: s, port: 1}}
- {name: stackdriver, stackdriver: {maxNumberOfAttributes: "5", logging: {labels: {a: b}}}}
- {name: opencensus, opencensus: {service: s, port: 1, context: [B3]}}
- {name: skywalking, skywalking: {service: s, port: 1, accessToken: t}}
- name: otel
  opentelemetry:
    service: s
    port: 4318
    http: {path: /v1/traces, timeout: 3s, headers: [{name: k, value: v}, {name: e, envName: OTEL_KEY}]}
    resource_detectors: {environment: {}, dynatrace: {}}
    dynatraceSampler: {tenant: t, clusterId: 1, httpService: {service: s, port: 1, http: {path: /}}}
- {name: prometheus, prometheus: {}}
- {name: file, envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {a: "%PROTOCOL%"}}, omitEmptyValues: true}}
- {name: als, envoyHttpAls: {service: s, port: 1, logName: l, additionalRequestHeadersToLog: [x]}}
- {name: tcpals, envoyTcpAls: {service: s, port: 1, filterStateObjectsToLog: [fs]}}
- {name: otelals, envoyOtelAls: {service: s, port: 1, logFormat: {text: hi}}}
- {name: sds, sds: {name: n, service: s, port: 1}}
""")


def test_every_kind_of_provider_is_tried_here() -> None:
    tried = {key for each in EVERY_KIND for key in each} - {"name"}
    assert len(tried) == len(KINDS)


@pytest.mark.parametrize("value", EVERY_KIND, ids=lambda value: value["name"])
def test_every_kind_of_provider_decodes_to_exactly_one_kind(value: object) -> None:
    provider, faults = decode_value(value, ExtensionProvider)
    assert faults == ()
    assert len([kind for kind in KINDS if getattr(provider, kind) is not None]) == 1


def test_an_authorizer_keeps_its_options() -> None:
    provider, _ = decode_value(EVERY_KIND[0], ExtensionProvider)
    assert provider is not None
    authorizer = provider.envoy_ext_authz_http
    assert authorizer is not None
    assert (authorizer.port, authorizer.timeout, authorizer.status_on_error) == (8000, Duration(seconds=2), "503")
    assert authorizer.include_request_body_in_check is not None
    assert authorizer.include_request_body_in_check.max_request_bytes == 4096


def test_a_header_has_a_value_or_takes_it_from_the_environment() -> None:
    with pytest.raises(ValueError, match="expected at most one of value, envName"):
        HttpHeader(name="a", value="b", env_name="c")


def test_a_provider_of_two_kinds_cannot_be_made() -> None:
    _, faults = decode_value({"name": "x", "prometheus": {}, "datadog": {}}, ExtensionProvider)
    assert "got datadog and prometheus" in faults[0].message


def test_three_providers_exist_without_being_declared() -> None:
    assert [provider.name for provider in DEFAULT_PROVIDERS] == ["prometheus", "stackdriver", "envoy"]
