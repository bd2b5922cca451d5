from typing import Any

import msgspec
import pytest
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext, UpstreamTlsContext

from pilot.generators.envoy import tls
from pilot.model.features import Features
from pilot.model.gateway import TLSProtocol
from pilot.model.mesh import CertificateData, MeshConfig, TLSConfig
from pilot.view.proxy import ClientFiles
from tests.pilot.generators.samples import FEATURES, MESH, STOCK, as_json, traits

ALIASED = msgspec.structs.replace(
    MESH,
    trust_domain_aliases=("old", "cluster.local"),
    ca_certificates=(CertificateData(trust_domains=("partner", "old")),),
)
UNCHECKED = Features(skip_validate_trust_domain=True)
FILES = ClientFiles("/c.pem", "/k.pem", "/ca.pem")


def server(mesh: MeshConfig = MESH, features: Features = FEATURES, *, http: bool = True, **more: Any) -> Any:
    socket = tls.downstream_mtls(http=http, mesh=mesh, features=features, traits=traits(**more))
    return as_json(DownstreamTlsContext.FromString(socket.typed_config.value))


def validation(content: Any) -> Any:
    return content["commonTlsContext"]["combinedValidationContext"]


def test_a_server_wants_a_certificate_of_the_trust_domain() -> None:
    made = server()
    common = made["commonTlsContext"]

    assert made["requireClientCertificate"] is True
    assert common["alpnProtocols"] == ["h2", "http/1.1"]
    assert common["tlsParams"]["tlsMinimumProtocolVersion"] == "TLSv1_2"
    assert common["tlsParams"]["tlsMaximumProtocolVersion"] == "TLSv1_3"
    assert len(common["tlsParams"]["cipherSuites"]) == 6
    assert common["tlsCertificateSdsSecretConfigs"][0]["name"] == "default"
    assert validation(made)["defaultValidationContext"] == {
        "matchSubjectAltNames": [{"prefix": "spiffe://cluster.local/"}]
    }
    assert validation(made)["validationContextSdsSecretConfig"]["name"] == "ROOTCA"


def test_every_name_of_the_trust_domain_counts_once() -> None:
    assert tls.trust_domains(ALIASED) == ("cluster.local", "old", "partner")
    names = validation(server(ALIASED))["defaultValidationContext"]["matchSubjectAltNames"]
    assert [each["prefix"] for each in names] == ["spiffe://cluster.local/", "spiffe://old/", "spiffe://partner/"]


def test_trust_domains_need_not_be_checked() -> None:
    assert validation(server(features=UNCHECKED))["defaultValidationContext"] == {}


def test_bytes_may_be_preceded_by_peer_metadata_where_that_is_known() -> None:
    assert server(http=False)["commonTlsContext"]["alpnProtocols"] == ["istio-peer-exchange", "h2", "http/1.1"]
    assert server(http=False, flavour=STOCK)["commonTlsContext"]["alpnProtocols"] == ["h2", "http/1.1"]


def test_the_mesh_may_ask_for_more() -> None:
    strong = TLSConfig(min_protocol_version=TLSProtocol.TLSV1_3, cipher_suites=("A",))
    made = server(msgspec.structs.replace(MESH, mesh_mtls=strong))["commonTlsContext"]["tlsParams"]

    assert (made["tlsMinimumProtocolVersion"], made["cipherSuites"]) == ("TLSv1_3", ["A"])


@pytest.mark.parametrize(("name", "number"), [("", 3), ("TLS_AUTO", 3), ("TLSV1_3", 4), ("TLSV1_0", 1)])
def test_versions_have_istios_names(name: str, number: int) -> None:
    assert tls.minimum_version(name) == number


def test_files_of_the_node_replace_the_agents_secrets() -> None:
    made = str(server(server_files=FILES))

    assert "file-cert:/c.pem~/k.pem" in made
    assert "file-root:/ca.pem" in made
    assert "ROOTCA" not in made


@pytest.mark.parametrize("upstream", [True, False])
def test_tunnels_speak_http2_over_tls_13(upstream: bool) -> None:
    if upstream:
        socket = tls.hbone_upstream(mesh=MESH, features=FEATURES, traits=traits())
        made = as_json(UpstreamTlsContext.FromString(socket.typed_config.value))
    else:
        socket = tls.hbone_downstream(mesh=MESH, features=FEATURES, traits=traits())
        made = as_json(DownstreamTlsContext.FromString(socket.typed_config.value))
        assert made["requireClientCertificate"] is True

    assert socket.name == "tls"
    assert made["commonTlsContext"]["alpnProtocols"] == ["h2"]
    assert set(made["commonTlsContext"]["tlsParams"].values()) == {"TLSv1_3"}
    assert validation(made)["defaultValidationContext"]["matchTypedSubjectAltNames"] == [
        {"sanType": "URI", "matcher": {"prefix": "spiffe://cluster.local/"}}
    ]


def test_a_tunnel_may_also_lead_to_accounts_of_one_namespace() -> None:
    socket = tls.hbone_upstream(mesh=MESH, features=FEATURES, traits=traits(), peer_namespace="app")
    made = as_json(UpstreamTlsContext.FromString(socket.typed_config.value))

    prefixes = [
        each["matcher"]["prefix"] for each in validation(made)["defaultValidationContext"]["matchTypedSubjectAltNames"]
    ]
    assert prefixes == ["spiffe://cluster.local/", "spiffe://cluster.local/ns/app/sa/"]


def test_tunnels_need_not_check_the_trust_domain() -> None:
    socket = tls.hbone_upstream(mesh=MESH, features=UNCHECKED, traits=traits(), peer_namespace="app")
    made = as_json(UpstreamTlsContext.FromString(socket.typed_config.value))

    assert validation(made)["defaultValidationContext"] == {}


def test_equal_arguments_share_one_socket() -> None:
    one, two = (tls.downstream_mtls(http=True, mesh=MESH, features=FEATURES, traits=traits()) for _ in range(2))

    assert one == two
    kept = traits()
    assert tls.downstream_mtls(http=True, mesh=MESH, features=FEATURES, traits=kept) is tls.downstream_mtls(
        http=True, mesh=MESH, features=FEATURES, traits=kept
    )
