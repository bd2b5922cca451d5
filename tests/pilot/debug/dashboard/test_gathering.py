"""Rows of what runs."""

from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pilot.debug.dashboard.gathering import Sources, certificate_row, gather, proxy_row, service_rows
from pilot.debug.dashboard.rows import Sync
from pilot.xds.discovery import Connection
from tests.pilot.debug.dashboard import scenes
from tests.pilot.model.meshes import mesh_of
from tests.pilot.model.pems import tls_secret

NOW = scenes.NOW


def test_streams_of_proxies_become_rows_and_tools_do_not() -> None:
    mesh = scenes.mesh()
    tool = Connection("tool-1", "tool", "127.0.0.1:1", "sotw", NOW, object(), ())
    sources = Sources(lambda: mesh.snapshot, lambda: (scenes.connection(mesh), tool), lambda: scenes.PROBLEMS)
    picture = gather(sources, NOW)()
    (row,) = picture.proxies
    assert (row.proxy, row.kind, row.namespace, row.protocol) == ("web-0.shop", "sidecar", "shop", "delta")
    assert [each.name for each in row.types] == ["CDS", "EDS", "LDS", "RDS"]
    assert [each.count for each in row.types] == [0, 1, 0, 1]
    assert picture.problems == scenes.PROBLEMS
    assert picture.objects["Service"] == 1


def test_a_type_is_synced_waiting_refused_or_was_never_sent() -> None:
    mesh = scenes.mesh()

    def state(**changes: Any) -> Sync:
        return proxy_row(scenes.connection(mesh, **changes)).types[0].state

    assert state() is Sync.SYNCED
    assert state(acked_nonce="n0") is Sync.WAITING
    assert state(error="bad cluster") is Sync.REFUSED
    assert state(sent_nonce="", acked_nonce="") is Sync.NOT_SENT


def test_services_count_their_endpoints_once_for_all_ports() -> None:
    (row,) = service_rows(scenes.mesh().snapshot)
    assert (row.hostname, row.ready, row.endpoints) == ("reviews.shop.svc.cluster.local", 2, 3)
    assert row.ports == ("http 9080/HTTP",)
    two = scenes.SHOP.replace("{name: http, port: 9080}]", "{name: http, port: 9080}, {name: x, port: 1}]", 2)
    (row,) = service_rows(mesh_of(two))
    assert (row.ready, row.endpoints) == (2, 3)


def test_certificates_of_secrets_are_there_and_keys_are_not() -> None:
    snapshot = mesh_of(tls_secret("shop", "web-cert", "web.shop"))
    picture = gather(Sources(lambda: snapshot, tuple, tuple), NOW)()
    (row,) = picture.certificates
    assert (row.purpose, row.subject) == ("Secret shop/web-cert", "CN=web.shop")
    assert len(row.fingerprint) == 64
    assert row.begins < row.ends
    assert "PRIVATE" not in repr(picture)


def test_a_certificate_without_subject_is_named_by_its_alternative_names() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1, NOW, NOW + timedelta(days=1))
    assert certificate_row("x", made.sign(key, hashes.SHA256())).subject == ""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://a/ns/b/sa/c"), x509.DNSName("d")])
    signed = made.add_extension(names, critical=True).sign(key, hashes.SHA256())
    assert certificate_row("x", signed).subject == "spiffe://a/ns/b/sa/c, d"
