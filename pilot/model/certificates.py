"""What a Secret or ConfigMap holds: a certificate with its key, or roots to trust.

In: decoded objects. Out: `KeyPair`, `Roots`, or why there is none (words that show nothing of the content). What Envoy
would refuse is refused here, so that one bad Secret does not cost its neighbours in a response. No clock: `end_of` says
when a certificate expires, and others whether that is in the past. Source: xDS behaviour 1.11.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import ocsp

from pilot.memo import memoized
from pilot.model.confidential import Confidential
from pilot.model.secret import ConfigMap, Secret

_LISTS = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_LEAST_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain in PEM, its key, and what a client may want to be told with it."""

    chain: Confidential
    key: Confidential
    staple: Confidential | None = None
    """OCSP response, DER."""
    fault: str = ""
    """What is wrong with the staple, which is left out then."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Trusted certificates in PEM, and those that are revoked."""

    certificates: Confidential
    revoked: Confidential | None = None


@memoized(size=4096)
def key_pair(secret: Secret) -> KeyPair | str:
    """The certificate of a Secret, by its first layout; else what is wrong."""
    for chain_name, key_name, staple_name in (("cert", "key", ""), ("tls_crt", "tls_key", "tls_ocsp_staple")):
        chain, key = secret.value(chain_name), secret.value(key_name)
        if chain is None or key is None:
            continue
        if not chain or not key:
            return f"expected a certificate and its key, got empty {_shown(chain_name)} or {_shown(key_name)}"
        fault = _pair_fault(chain.reveal(), key.reveal())
        staple = (secret.value(staple_name) if staple_name else None) or None
        return fault or _with_staple(KeyPair(chain, key), staple)
    return "expected keys tls.crt and tls.key, or cert and key, got neither"


@memoized(size=4096)
def secret_roots(secret: Secret) -> Roots | str:
    """The roots of a Secret; else what is wrong."""
    for name, crl_name in (("cacert", "crl"), ("ca_crt", "ca_crl")):
        found = secret.value(name)
        if found is not None:
            return _roots(found, secret.value(crl_name), name)
    return "expected a key cacert or ca.crt, got neither"


@memoized(size=4096)
def config_map_roots(config_map: ConfigMap) -> Roots | str:
    """The roots of a ConfigMap; else what is wrong."""
    if config_map.data.ca_crt is None:
        return "expected a key ca.crt, got none"
    return _roots(config_map.data.ca_crt, config_map.data.ca_crl, "ca_crt")


@memoized(size=4096)
def end_of(secret: Secret) -> datetime | None:
    """When the first certificate of the chain that is served expires; None where there is none."""
    pair = key_pair(secret)
    return _leaf(pair.chain.reveal()).not_valid_after_utc if isinstance(pair, KeyPair) else None


def _leaf(chain: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain)[0]


def _roots(found: Confidential, revoked: Confidential | None, name: str) -> Roots | str:
    try:
        x509.load_pem_x509_certificates(found.reveal())
    except Exception:  # the library's errors are many, and their words may quote the content
        return f"expected certificates in PEM in {_shown(name)}, got none"
    if revoked:
        try:
            lists = [x509.load_pem_x509_crl(each) for each in _LISTS.findall(revoked.reveal())]
        except Exception:  # as above
            lists = []
        if not lists:
            return "expected revoked certificates as a list in PEM (crl, or ca.crl), got something that is none"
    return Roots(found, revoked or None)


def _pair_fault(chain: bytes, key: bytes) -> str:
    """Why Envoy would not take them; empty where it would."""
    try:
        certified = _leaf(chain).public_key()
        spki = certified.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library's errors are many, and their words may quote the content
        return "expected a certificate in PEM, got something that is none"
    try:
        own = load_pem_private_key(key, password=None).public_key()
        owned = own.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # as above
        return "expected a private key in PEM without a password, got something that is none"
    if isinstance(certified, rsa.RSAPublicKey) and certified.key_size < _LEAST_RSA_BITS:
        return f"expected an RSA key of {_LEAST_RSA_BITS} bits or more, got {certified.key_size}"
    if isinstance(certified, ec.EllipticCurvePublicKey) and not isinstance(certified.curve, _CURVES):
        return f"expected an elliptic curve of P-256, P-384 and P-521, got {certified.curve.name}"
    return "" if spki == owned else "expected the key of the certificate, got another one"


def _with_staple(pair: KeyPair, staple: Confidential | None) -> KeyPair | str:
    """The pair with its staple; without one that Envoy would not take, unless the certificate demands one."""
    leaf = _leaf(pair.chain.reveal())
    fault = _staple_fault(leaf, staple.reveal()) if staple is not None else ""
    if staple is not None and not fault:
        return KeyPair(pair.chain, pair.key, staple)
    if _must_staple(leaf):
        return f"the certificate demands an OCSP staple: {fault or 'expected one, got none'}"
    return KeyPair(pair.chain, pair.key, fault=fault)


def _staple_fault(leaf: x509.Certificate, staple: bytes) -> str:
    try:
        response = ocsp.load_der_ocsp_response(staple)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return "expected an OCSP staple that says successful, got another one"
        serials = [each.serial_number for each in response.responses]
    except Exception:  # as above
        return "expected an OCSP staple in DER, got something that is none"
    return "" if serials == [leaf.serial_number] else "expected an OCSP staple for the certificate, got another one"


def _must_staple(leaf: x509.Certificate) -> bool:
    try:
        features = leaf.extensions.get_extension_for_class(x509.TLSFeature).value
    except Exception:  # no such extension, or others that cannot be read
        return False
    return x509.TLSFeatureType.status_request in features


def _shown(name: str) -> str:
    """The key in the object of an attribute."""
    return name.replace("_", ".")
