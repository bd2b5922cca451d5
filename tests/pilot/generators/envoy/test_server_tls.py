from typing import Any

import pytest
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf import json_format

from pilot.generators.envoy.server_tls import build_server_tls, resource_name
from pilot.model.features import Features
from pilot.model.gateway import ServerTLSMode, ServerTLSSettings, TLSCertificate, TLSProtocol
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import mesh_config

SIMPLE, MUTUAL = ServerTLSMode.SIMPLE, ServerTLSMode.MUTUAL
HASH = "ab" * 32
SPKI = "A" * 43 + "="


def socket(mesh: str = "", *, http: bool = True, external: bool = False, **settings: Any) -> Any:
    made = build_server_tls(
        ServerTLSSettings(**settings), http, mesh_config(mesh), Features(), Flavour(), False, external
    )
    return json_format.MessageToDict(DownstreamTlsContext.FromString(made.typed_config.value))


def common(*args: Any, **settings: Any) -> Any:
    return socket(*args, **settings)["commonTlsContext"]


def names(context: Any) -> list[str]:
    return [each["name"] for each in context["tlsCertificateSdsSecretConfigs"]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("web", "kubernetes://web"),
        ("kubernetes://web", "kubernetes://web"),
        ("kubernetes-gateway://ns/web", "kubernetes-gateway://ns/web"),
        ("sds://own", "sds://own"),
    ],
)
def test_credential_names_are_names_of_secrets(written: str, meant: str) -> None:
    assert resource_name(written) == meant


def test_a_simple_server_shows_its_certificate_and_asks_for_none() -> None:
    made = socket(mode=SIMPLE, credential_name="web")

    assert made["requireClientCertificate"] is False
    assert names(made["commonTlsContext"]) == ["kubernetes://web"]
    assert made["commonTlsContext"]["alpnProtocols"] == ["h2", "http/1.1"]
    assert "tlsParams" not in made["commonTlsContext"]
    assert "combinedValidationContext" not in made["commonTlsContext"]


def test_several_certificates_keep_their_order() -> None:
    assert names(common(mode=SIMPLE, credential_names=("b", "a"))) == ["kubernetes://b", "kubernetes://a"]


def test_a_mutual_server_checks_clients_against_the_roots_of_the_same_secret() -> None:
    made = socket(mode=MUTUAL, credential_name="web", subject_alt_names=("a",), verify_certificate_hash=(HASH,))
    checks = made["commonTlsContext"]["combinedValidationContext"]

    assert made["requireClientCertificate"] is True
    assert checks["validationContextSdsSecretConfig"]["name"] == "kubernetes://web-cacert"
    assert checks["defaultValidationContext"] == {
        "matchSubjectAltNames": [{"exact": "a"}],
        "verifyCertificateHash": [HASH],
    }


def test_roots_may_come_from_another_secret() -> None:
    made = common(mode=MUTUAL, credential_name="web", ca_cert_credential_name="ca")

    assert made["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == "kubernetes://ca"


def test_a_client_certificate_may_be_optional() -> None:
    made = socket(mode=ServerTLSMode.OPTIONAL_MUTUAL, credential_name="web")

    assert made["requireClientCertificate"] is False
    assert "combinedValidationContext" in made["commonTlsContext"]


def test_files_are_named_for_the_agent() -> None:
    made = common(
        mode=MUTUAL, server_certificate="/c", private_key="/k", ca_certificates="/ca", ca_crl="/crl",
        verify_certificate_hash=(HASH,),
    )  # fmt: skip

    assert names(made) == ["file-cert:/c~/k"]
    assert made["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == "file-root:/ca"
    assert made["combinedValidationContext"]["defaultValidationContext"] == {"crl": {"filename": "/crl"}}
    several = (TLSCertificate("/1", "/2"), TLSCertificate("/3", "/4"))
    assert names(common(mode=SIMPLE, tls_certificates=several)) == ["file-cert:/1~/2", "file-cert:/3~/4"]


def test_names_of_clients_that_show_no_certificate_are_not_checked() -> None:
    by_secret = common(mode=SIMPLE, credential_name="web", subject_alt_names=("a",))
    by_file = common(mode=SIMPLE, server_certificate="/c", private_key="/k", subject_alt_names=("a",))

    assert "validationContext" not in by_secret
    assert "validationContext" not in by_file


@pytest.mark.parametrize(
    ("spki", "hashes", "expected"),
    [
        ((SPKI, "x"), ("x",), {"verifyCertificateSpki": [SPKI]}),
        ((), (HASH, "x"), {"verifyCertificateHash": [HASH]}),
        (("=" * 44,), ("x",), {"verifyCertificateHash": ["00" * 32]}),
        (("é" * 44,), (), {"verifyCertificateHash": ["00" * 32]}),
    ],
)
def test_what_is_no_fingerprint_lets_nobody_in(
    spki: tuple[str, ...], hashes: tuple[str, ...], expected: dict[str, Any]
) -> None:
    made = common(mode=MUTUAL, credential_name="w", verify_certificate_spki=spki, verify_certificate_hash=hashes)
    assert made["combinedValidationContext"]["defaultValidationContext"] == expected


def test_workloads_are_met_with_the_certificate_of_the_workload() -> None:
    made = socket(mode=ServerTLSMode.ISTIO_MUTUAL, subject_alt_names=("spiffe://a/b",))
    context = made["commonTlsContext"]

    assert made["requireClientCertificate"] is True
    assert names(context) == ["default"]
    assert context["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == "ROOTCA"
    assert context["alpnProtocols"] == ["h2", "http/1.1"]
    assert common(http=False, mode=ServerTLSMode.ISTIO_MUTUAL)["alpnProtocols"][0] == "istio-peer-exchange"


def test_builtin_means_the_certificate_of_the_workload() -> None:
    made = common(mode=MUTUAL, credential_name="builtin://")

    assert names(made) == ["default"]
    assert made["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == "ROOTCA"


def test_an_external_secret_comes_from_the_socket_of_the_workload() -> None:
    made = common(external=True, mode=SIMPLE, credential_name="sds://own")

    assert "apiConfigSource" in made["tlsCertificateSdsSecretConfigs"][0]["sdsConfig"]


def test_a_server_overrides_the_defaults_of_the_mesh_and_unknown_ciphers_are_dropped() -> None:
    mesh = "tlsDefaults: {minProtocolVersion: TLSV1_2, cipherSuites: [AES128-SHA], ecdhCurves: [P-384, P-1]}"
    default = common(mesh, mode=SIMPLE, credential_name="web")["tlsParams"]
    own = common(
        mesh,
        mode=SIMPLE,
        credential_name="web",
        min_protocol_version=TLSProtocol.TLSV1_3,
        max_protocol_version=TLSProtocol.TLSV1_3,
        cipher_suites=("AES256-SHA", "AES256-SHA", "NOPE"),
    )["tlsParams"]

    assert default == {"tlsMinimumProtocolVersion": "TLSv1_2", "cipherSuites": ["AES128-SHA"], "ecdhCurves": ["P-384"]}
    assert own["cipherSuites"] == ["AES256-SHA"]
    assert own["tlsMinimumProtocolVersion"] == own["tlsMaximumProtocolVersion"] == "TLSv1_3"
