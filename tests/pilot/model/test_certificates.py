"""Layouts of Secrets, and what Envoy would refuse."""

from pilot.model.certificates import KeyPair, Roots, config_map_roots, key_pair, secret_roots
from pilot.model.confidential import Confidential
from tests.pilot.model.meshes import only
from tests.pilot.model.pems import pair, secret

CHAIN, KEY = pair("a")


def test_the_layout_of_generic_secrets_comes_before_that_of_tls_secrets() -> None:
    other, other_key = pair("b")
    found = key_pair(only(secret("n", "s", cert=CHAIN, key=KEY, tls_crt=other, tls_key=other_key)))
    assert isinstance(found, KeyPair)
    assert found.chain == Confidential(CHAIN.encode())
    found = key_pair(only(secret("n", "s", cert=CHAIN, tls_crt=other, tls_key=other_key)))
    assert isinstance(found, KeyPair)
    assert (found.key, found.staple) == (Confidential(other_key.encode()), None)


def test_a_staple_comes_with_the_certificate() -> None:
    document = secret("n", "s", tls_crt=CHAIN, tls_key=KEY) + "  tls.ocsp-staple: c3RhcGxl\n"
    found = key_pair(only(document))
    assert isinstance(found, KeyPair)
    assert found.staple == Confidential(b"staple")


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
    found = secret_roots(only(secret("n", "s", cacert=CHAIN, crl="R", ca_crt="?")))
    assert found == Roots(Confidential(CHAIN.encode()), Confidential(b"R"))
    found = secret_roots(only(secret("n", "s", ca_crt=CHAIN, ca_crl="R", crl="no")))
    assert found == Roots(Confidential(CHAIN.encode()), Confidential(b"R"))
    assert secret_roots(only(secret("n", "s", ca_crt="?"))) == "expected certificates in PEM in ca.crt, got none"
    assert isinstance(secret_roots(only(secret("n", "s", tls_crt=CHAIN))), str)


def test_roots_of_config_maps() -> None:
    document = "{kind: ConfigMap, metadata: {name: a}, data: {ca.crt: '-----BEGIN CERTIFICATE-----'}}"
    assert isinstance(config_map_roots(only(document)), Roots)
    assert isinstance(config_map_roots(only("{kind: ConfigMap, metadata: {name: a}, data: {x: y}}")), str)
