"""What a Secret or ConfigMap holds: a certificate with its key, or roots to trust.

In: decoded objects. Out: `KeyPair`, `Roots`, or why there is none (words that show nothing of the content). What Envoy
would refuse is refused here, so that one bad Secret does not cost its neighbours in a response. No clock: whether a
certificate has expired is not looked at. Source: xDS behaviour 1.11.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pilot.memo import memoized
from pilot.model.confidential import Confidential
from pilot.model.secret import ConfigMap, Secret

_BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain in PEM, its key, and what a client may want to be told with it."""

    chain: Confidential
    key: Confidential
    staple: Confidential | None = None
    """OCSP response, DER."""


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
        return fault or KeyPair(chain, key, (secret.value(staple_name) if staple_name else None) or None)
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


def _roots(found: Confidential, revoked: Confidential | None, name: str) -> Roots | str:
    if _BEGIN not in found.reveal():
        return f"expected certificates in PEM in {_shown(name)}, got none"
    return Roots(found, revoked or None)


def _pair_fault(chain: bytes, key: bytes) -> str:
    """Why Envoy would not take them; empty where it would."""
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        certified = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library's errors are many, and their words may quote the content
        return "expected a certificate in PEM, got something that is none"
    try:
        own = load_pem_private_key(key, password=None).public_key()
        owned = own.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # as above
        return "expected a private key in PEM without a password, got something that is none"
    return "" if certified == owned else "expected the key of the certificate, got another one"


def _shown(name: str) -> str:
    """The key in the object of an attribute."""
    return name.replace("_", ".")
