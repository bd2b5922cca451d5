from dataclasses import replace
from typing import Any

import msgspec
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from pilot.generators.clusters import upstream_tls
from pilot.generators.clusters.facts import ServiceFacts
from pilot.generators.clusters.upstream_tls import Asked, UpstreamTls
from pilot.generators.envoy.alpn import Speaks
from pilot.model.mesh import TLSConfig
from pilot.model.service import Registry, Service
from pilot.model.traffic_policy import ClientTLSMode, ClientTLSSettings, ProxyProtocol, ProxyProtocolVersion
from pilot.view.proxy import ClientFiles, ProxyKind
from tests.pilot.generators.samples import STOCK, as_json, context, entry, service

WITH_SIDECARS = ServiceFacts(("spiffe://cluster.local/ns/default/sa/reviews",), mutual_tls=True, tunnels=False)
PLAIN = replace(WITH_SIDECARS, mutual_tls=False)
SNI = "outbound_.80_._.reviews.default.svc.cluster.local"
FILES = ClientFiles("/c.pem", "/k.pem", "/ca.pem")
AUTO_MTLS_OFF = msgspec.structs.replace(context().mesh, enable_auto_mtls=False)


def chosen(
    settings: ClientTLSSettings | None = None,
    of: Service | None = None,
    facts: ServiceFacts = WITH_SIDECARS,
    *,
    speaks: Speaks = Speaks.HTTP1,
    selected: bool = False,
    **more: Any,
) -> UpstreamTls:
    return upstream_tls.choose(
        settings, of or service(), facts, context(**more), sni=SNI, speaks=speaks, selected=selected
    )


def tls_context(made: UpstreamTls) -> Any:
    assert made.socket is not None
    return as_json(UpstreamTlsContext.FromString(made.socket.typed_config.value))


def said(mode: ClientTLSMode, **more: Any) -> ClientTLSSettings:
    return ClientTLSSettings(mode=mode, **more)


def test_workloads_with_sidecars_get_mutual_tls_unasked() -> None:
    made = chosen()
    content = tls_context(made)

    assert made.asked is Asked.BY_NOBODY
    assert content["sni"] == SNI
    assert content["commonTlsContext"]["alpnProtocols"] == ["istio-peer-exchange", "istio"]
    validation = content["commonTlsContext"]["combinedValidationContext"]
    assert validation["defaultValidationContext"] == {"matchSubjectAltNames": [{"exact": WITH_SIDECARS.accounts[0]}]}
    assert validation["validationContextSdsSecretConfig"]["name"] == "ROOTCA"
    assert content["commonTlsContext"]["tlsCertificateSdsSecretConfigs"][0]["name"] == "default"


def test_there_is_no_tls_where_nobody_does_it_or_asks_for_it() -> None:
    assert chosen(facts=PLAIN).asked is Asked.NOT
    assert chosen(mesh=AUTO_MTLS_OFF).asked is Asked.NOT
    assert chosen(said(ClientTLSMode.DISABLE)).socket is None


def test_stock_envoy_says_the_http_version_in_its_list() -> None:
    content = tls_context(chosen(flavour=STOCK))

    assert content["commonTlsContext"]["alpnProtocols"] == ["istio-http/1.1", "istio", "http/1.1"]


def test_istio_mutual_has_names_and_sni_of_its_own_if_it_says_so() -> None:
    own = said(ClientTLSMode.ISTIO_MUTUAL, sni="other", subject_alt_names=("spiffe://x",))
    made = chosen(own, mesh=AUTO_MTLS_OFF)

    assert made.asked is Asked.FOR_MESH
    assert tls_context(made)["sni"] == "other"
    assert "spiffe://x" in str(tls_context(made))
    assert tls_context(chosen(said(ClientTLSMode.ISTIO_MUTUAL)))["sni"] == SNI


def test_no_accounts_leave_an_empty_validation_context() -> None:
    content = tls_context(chosen(facts=replace(WITH_SIDECARS, accounts=())))

    assert content["commonTlsContext"]["combinedValidationContext"]["defaultValidationContext"] == {}


def test_simple_tls_trusts_the_system_and_takes_the_name_from_the_request() -> None:
    made = chosen(said(ClientTLSMode.SIMPLE))
    common = tls_context(made)["commonTlsContext"]

    assert made.asked is Asked.FOR_SERVER
    assert (made.auto_sni, made.auto_san_validation) == (True, True)
    assert common["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == "file-root:system"
    assert "tlsCertificateSdsSecretConfigs" not in common
    assert "alpnProtocols" not in common


def test_simple_tls_with_names_and_files() -> None:
    made = chosen(
        said(
            ClientTLSMode.SIMPLE,
            ca_certificates="/ca.pem",
            ca_crl="/crl.pem",
            sni="a.example.com",
            subject_alt_names=("b.example.com",),
        ),
        speaks=Speaks.HTTP2,
    )
    common = tls_context(made)["commonTlsContext"]

    assert (made.auto_sni, made.auto_san_validation) == (False, False)
    assert common["alpnProtocols"] == ["h2"]
    assert common["combinedValidationContext"]["defaultValidationContext"] == {
        "matchSubjectAltNames": [{"exact": "b.example.com"}],
        "crl": {"filename": "/crl.pem"},
    }


def test_names_of_the_service_entry_hold_where_the_rule_has_none() -> None:
    inside = replace(entry(), registry=Registry.KUBERNETES)
    account = WITH_SIDECARS.accounts[0]

    assert account in str(tls_context(chosen(said(ClientTLSMode.SIMPLE), entry())))
    assert account not in str(tls_context(chosen(said(ClientTLSMode.SIMPLE), inside)))
    assert chosen(said(ClientTLSMode.SIMPLE), entry()).auto_san_validation
    assert not chosen(said(ClientTLSMode.SIMPLE, subject_alt_names=("spiffe://b",)), entry()).auto_san_validation


def test_verification_can_be_skipped() -> None:
    made = chosen(said(ClientTLSMode.SIMPLE, insecure_skip_verify=True))

    assert tls_context(made)["commonTlsContext"]["validationContext"] == {}
    assert (made.auto_sni, made.auto_san_validation) == (True, False)


def test_mutual_tls_needs_certificate_and_key() -> None:
    whole = said(ClientTLSMode.MUTUAL, client_certificate="/c.pem", private_key="/k.pem")
    half = said(ClientTLSMode.MUTUAL, client_certificate="/c.pem")

    secrets = tls_context(chosen(whole))["commonTlsContext"]["tlsCertificateSdsSecretConfigs"]
    assert secrets[0]["name"] == "file-cert:/c.pem~/k.pem"
    assert chosen(half).socket is None


@pytest.mark.parametrize(
    ("name", "certificate", "roots"),
    [
        ("up", "kubernetes://up", "kubernetes://up-cacert"),
        ("configmap://ns/up", "configmap://ns/up", "configmap://ns/up-cacert"),
    ],
)
def test_a_gateway_gets_credentials_by_name(name: str, certificate: str, roots: str) -> None:
    made = chosen(said(ClientTLSMode.MUTUAL, credential_name=name), kind=ProxyKind.ROUTER)
    common = tls_context(made)["commonTlsContext"]

    assert common["tlsCertificateSdsSecretConfigs"][0]["name"] == certificate
    assert common["combinedValidationContext"]["validationContextSdsSecretConfig"]["name"] == roots


def test_a_sidecar_gets_credentials_only_from_a_rule_for_it_or_from_a_config_map() -> None:
    by_name = said(ClientTLSMode.SIMPLE, credential_name="up")

    assert chosen(by_name).socket is None
    assert chosen(by_name, selected=True).socket is not None
    assert chosen(said(ClientTLSMode.SIMPLE, credential_name="configmap://ns/up")).socket is not None
    assert "invalid://-cacert" in str(tls_context(chosen(said(ClientTLSMode.SIMPLE, credential_name="invalid://"))))


@pytest.mark.parametrize("mode", [None, ClientTLSMode.ISTIO_MUTUAL, ClientTLSMode.MUTUAL])
def test_files_of_the_node_replace_the_workload_certificate_inside_the_mesh(mode: ClientTLSMode | None) -> None:
    made = chosen(said(mode, subject_alt_names=("spiffe://b",)) if mode else None, client_files=FILES)
    content = str(tls_context(made))

    assert made.asked is Asked.FOR_SERVER
    assert "file-cert:/c.pem~/k.pem" in content
    assert "file-root:/ca.pem" in content
    # names and SNI are the rule's where there is one, and found out where there is none
    assert ("spiffe://b" if mode else WITH_SIDECARS.accounts[0]) in content
    assert (SNI in content) is (mode is None)
    assert made.auto_sni is (mode is not None)


def test_who_is_not_verified_needs_no_roots_of_a_secret() -> None:
    common = tls_context(
        chosen(said(ClientTLSMode.SIMPLE, credential_name="x", insecure_skip_verify=True), kind=ProxyKind.ROUTER)
    )["commonTlsContext"]

    assert "validationContext" not in common
    assert "combinedValidationContext" not in common


def test_an_address_that_the_client_dialled_has_no_sockets_to_choose_from_where_a_rule_speaks_of_tls() -> None:
    for settings in (said(ClientTLSMode.DISABLE), said(ClientTLSMode.SIMPLE, credential_name="x")):
        refused = chosen(settings, tunnels=True)
        assert upstream_tls.transport_fields(refused, None, context(tunnels=True), original_dst=True) == {}
        assert "transport_socket_matches" in upstream_tls.transport_fields(
            refused, None, context(tunnels=True), original_dst=False
        )
    unasked = chosen(facts=PLAIN, tunnels=True)
    assert "transport_socket_matches" in upstream_tls.transport_fields(
        unasked, None, context(tunnels=True), original_dst=True
    )


def test_outside_of_the_mesh_the_rules_own_files_are_used() -> None:
    own = said(ClientTLSMode.MUTUAL, client_certificate="/o.pem", private_key="/p.pem")

    assert "file-cert:/o.pem~/p.pem" in str(tls_context(chosen(own, entry(), client_files=FILES)))


def test_the_meshs_tls_defaults_are_for_servers_outside() -> None:
    defaults = TLSConfig(cipher_suites=("A",), ecdh_curves=("P-384",))
    mesh = msgspec.structs.replace(context().mesh, tls_defaults=defaults)

    made = tls_context(chosen(said(ClientTLSMode.SIMPLE), mesh=mesh))["commonTlsContext"]["tlsParams"]
    assert made == {
        "cipherSuites": ["A"],
        "ecdhCurves": ["P-384"],
        "tlsMinimumProtocolVersion": "TLSv1_2",
        "tlsMaximumProtocolVersion": "TLSv1_3",
    }
    assert "cipherSuites" not in tls_context(chosen(mesh=mesh))["commonTlsContext"]["tlsParams"]


# --- placement ------------------------------------------------------------------------------------------------------


def placed(
    made: UpstreamTls,
    *,
    tunnels: bool = True,
    original_dst: bool = False,
    proxy_protocol: ProxyProtocol | None = None,
) -> list[str]:
    fields = upstream_tls.transport_fields(made, proxy_protocol, context(tunnels=tunnels), original_dst=original_dst)
    cluster = Cluster(**fields)
    plain = [_names(cluster.transport_socket)] if cluster.HasField("transport_socket") else []
    return plain + [
        f"{each.name}{'' if each.HasField('match') else '!'}:{_names(each.transport_socket)}"
        for each in cluster.transport_socket_matches
    ]


def _names(socket: Any) -> str:
    return str(socket.name).removeprefix("envoy.transport_sockets.")


def test_where_sockets_go_without_tls() -> None:
    none = chosen(facts=PLAIN)

    assert placed(none) == ["hbone:internal_upstream", "tlsMode-disabled:raw_buffer"]
    assert placed(none, original_dst=True) == ["hbone:internal_upstream", "tlsMode-disabled:raw_buffer"]
    assert placed(none, tunnels=False) == []


def test_where_sockets_go_with_mutual_tls_unasked() -> None:
    made = chosen()

    assert placed(made) == ["hbone:internal_upstream", "tlsMode-istio:tls", "tlsMode-disabled:raw_buffer"]
    assert placed(made, tunnels=False) == ["tlsMode-istio:tls", "tlsMode-disabled:raw_buffer"]
    assert placed(made, original_dst=True) == ["tls"]


def test_where_sockets_go_with_tls_that_a_rule_asks_for() -> None:
    mesh, server = chosen(said(ClientTLSMode.ISTIO_MUTUAL)), chosen(said(ClientTLSMode.SIMPLE))

    assert placed(mesh) == ["hbone:internal_upstream", "tlsMode-istio!:tls"]
    assert placed(server) == ["hbone:internal_upstream", "user!:tls"]
    assert placed(mesh, tunnels=False) == placed(server, tunnels=False) == ["tls"]
    assert placed(server, original_dst=True) == ["tls"]


def test_proxy_protocol_wraps_every_socket() -> None:
    second = ProxyProtocol(version=ProxyProtocolVersion.V2)
    wrapped = "upstream_proxy_protocol"

    assert placed(chosen(), proxy_protocol=second) == [
        f"hbone:{wrapped}",
        f"tlsMode-istio:{wrapped}",
        f"tlsMode-disabled:{wrapped}",
    ]
    assert placed(chosen(facts=PLAIN), tunnels=False, proxy_protocol=second) == [wrapped]
    assert placed(chosen(), original_dst=True, proxy_protocol=second) == [wrapped]
