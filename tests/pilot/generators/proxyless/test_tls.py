"""TLS by certificate providers."""

from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext, UpstreamTlsContext

from pilot.generators.proxyless import tls


def test_client_accepts_these_identities_only() -> None:
    context = UpstreamTlsContext.FromString(tls.upstream(("spiffe://a/b",)).typed_config.value).common_tls_context
    validation = context.combined_validation_context.default_validation_context
    assert [each.exact for each in validation.match_subject_alt_names] == ["spiffe://a/b"]
    assert validation.ca_certificate_provider_instance.certificate_name == "ROOTCA"
    assert context.tls_certificate_provider_instance.certificate_name == "default"


def test_server_wants_a_certificate() -> None:
    context = DownstreamTlsContext.FromString(tls.downstream().typed_config.value)
    assert context.require_client_certificate.value
