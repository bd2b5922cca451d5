"""Layouts of Secrets, and what Envoy would refuse."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from pilot.model.certificates import KeyPair, Roots, config_map_roots, end_of, key_pair, secret_roots
from pilot.model.confidential import Confidential
from pilot.model.secret import ConfigMap
from tests.pilot.model.meshes import only
from tests.pilot.model.pems import pair, revocations, secret, staple

CHAIN, KEY = pair("a")


def test_the_layout_of_generic_secrets_comes_before_that_of_tls_secrets() -> None:
    other, other_key = pair("b")
    found = key_pair(only(secret("n", "s", cert=CHAIN, key=KEY, tls_crt=other, tls_key=other_key)))
    assert isinstance(found, KeyPair)
    assert found.chain == Confidential(CHAIN.encode())
    found = key_pair(only(secret("n", "s", cert=CHAIN, tls_crt=other, tls_key=other_key)))
    assert isinstance(found, KeyPair)
    assert (found.key, found.staple) == (Confidential(other_key.encode()), None)


def stapled(given: bytes) -> KeyPair | str:
    """The pair of a Secret with a staple."""
    return key_pair(only(secret("n", "s", tls_crt=CHAIN, tls_key=KEY) + staple_line(given)))


def staple_line(given: bytes) -> str:
    """In the data of a Secret."""
    return f"  tls.ocsp-staple: {b64encode(given).decode()}\n"


def test_a_staple_comes_with_the_certificate() -> None:
    given = staple(CHAIN)
    found = stapled(given)
    assert isinstance(found, KeyPair)
    assert found.staple == Confidential(given)


def test_a_staple_that_envoy_would_refuse_is_left_out() -> None:
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    failed = later.public_bytes(Encoding.DER)
    for given, words in ((b"?", "in DER"), (failed, "successful"), (staple(pair("b")[0]), "for the certificate")):
        found = stapled(given)
        assert isinstance(found, KeyPair)
        assert found.staple is None
        assert words in found.fault


def test_a_certificate_that_demands_a_staple_is_not_served_without() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, private = signed(key, x509.TLSFeature([x509.TLSFeatureType.status_request]))
    assert "demands an OCSP staple: expected one" in fault(tls_crt=chain, tls_key=private)
    found = key_pair(only(secret("n", "s", tls_crt=chain, tls_key=private) + staple_line(staple(chain))))
    assert isinstance(found, KeyPair)


def signed(key: Any, *extensions: x509.ExtensionType) -> tuple[str, str]:
    """A certificate of this key, by itself."""
    name, now = x509.Name([]), datetime(2024, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1))
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def test_keys_that_envoy_does_not_take() -> None:
    for key, words in (
        (rsa.generate_private_key(65537, 1024), "2048"),
        (ec.generate_private_key(ec.SECP224R1()), "P-256"),
    ):
        chain, private = signed(key)
        assert words in fault(tls_crt=chain, tls_key=private)


def test_a_certificate_has_an_end() -> None:
    assert end_of(only(secret("n", "s", cert=CHAIN, key=KEY))) == datetime(2024, 1, 2, tzinfo=UTC)
    assert end_of(only(secret("n", "s", cert=CHAIN, key="?"))) is None


def fault(**data: str) -> str:
    """What is wrong with a Secret."""
    found = key_pair(only(secret("n", "s", **data)))
    assert isinstance(found, str)
    assert CHAIN[30:60] not in found
    return found


def test_what_envoy_would_refuse_has_a_reason() -> None:
    assert fault(cert=CHAIN) == "expected keys tls.crt and tls.key, or cert and key, got neither"
    assert fault(tls_crt="", tls_key=KEY) == "expected a certificate and its key, got empty tls.crt or tls.key"
    assert fault(cert="?", key=KEY) == "expected a certificate in PEM, got something that is none"
    assert "private key in PEM" in fault(cert=CHAIN, key="?")
    assert fault(cert=CHAIN, key=pair("b")[1]) == "expected the key of the certificate, got another one"


def test_roots_come_with_revoked_certificates() -> None:
    crl = revocations()
    found = secret_roots(only(secret("n", "s", cacert=CHAIN, crl=crl, ca_crt="?")))
    assert found == Roots(Confidential(CHAIN.encode()), Confidential(crl.encode()))
    found = secret_roots(only(secret("n", "s", ca_crt=CHAIN, ca_crl=crl, crl="no")))
    assert found == Roots(Confidential(CHAIN.encode()), Confidential(crl.encode()))
    assert secret_roots(only(secret("n", "s", ca_crt="?"))) == "expected certificates in PEM in ca.crt, got none"
    assert isinstance(secret_roots(only(secret("n", "s", tls_crt=CHAIN))), str)


def test_roots_without_a_readable_list_of_the_revoked_are_not_trusted() -> None:
    assert "revoked certificates" in str(secret_roots(only(secret("n", "s", ca_crt=CHAIN, ca_crl="?"))))


def test_roots_of_config_maps() -> None:
    def holding(text: str) -> ConfigMap:
        shown = json.dumps({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"ca.crt": text}})
        found: ConfigMap = only(shown)
        return found

    assert isinstance(config_map_roots(holding(CHAIN)), Roots)
    assert isinstance(config_map_roots(holding("-----BEGIN CERTIFICATE-----")), str)
    assert isinstance(config_map_roots(only("{kind: ConfigMap, metadata: {name: a}, data: {x: y}}")), str)
