"""Trust bundles of other SPIFFE domains, as their endpoints serve them.

Comes in: a JWKS document. Goes out: the roots in it, one PEM each. Does not fetch.

Source: SPIFFE Trust Domain and Bundle 4; CA behaviour 1.12 "Multi-root".
"""

import base64
import binascii
import json

from cryptography import x509

from ca.bundle import encode_certificate
from ca.errors import BundleError

_USE = "x509-svid"
_MOST = 100
"""Roots of one bundle; arbitrary."""


def decode_bundle(body: bytes) -> tuple[str, ...]:
    """The certificates of keys for X.509-SVIDs, one each; keys for other uses are left out. Raises: BundleError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"trust bundle: expected JSON, got {len(body)} bytes of something else") from error
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > _MOST:
        raise BundleError(f"trust bundle: expected a list of at most {_MOST} keys")
    found = tuple(_decode_key(each) for each in keys if isinstance(each, dict) and each.get("use") == _USE)
    if not found:
        raise BundleError(f"trust bundle: expected a key for {_USE}, got none among {len(keys)}")
    return found


def _decode_key(key: dict[str, object]) -> str:
    match key.get("x5c"):
        case [str(text)]:
            pass
        case _:
            raise BundleError(f"trust bundle: key for {_USE}: expected exactly one certificate")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError, x509.InvalidVersion) as error:
        raise BundleError(f"trust bundle: key for {_USE}: its certificate is unreadable") from error
    return encode_certificate(certificate)
