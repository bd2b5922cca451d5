"""Puts a signature under a template. Comes in: template and private key. Goes out: a certificate. Decides nothing.

RSA signs with SHA-256, a curve with the hash of its strength. Costs 0.2 ms (RSA-2048) or 0.05 ms (P-256) of CPU
without the interpreter lock, so it belongs on a worker thread.

Source: CA behaviour 1.6 (algorithms).
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ca import tbs
from ca.errors import GenerationError
from ca.template import Template

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def sign(template: Template, key: PrivateKey) -> x509.Certificate:
    """Signs. Raises: GenerationError where the library refuses what the template says."""
    used = hash_for(key)
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            signed_with = tbs.algorithm(used, is_rsa=True)
            content = tbs.encode(template, signed_with)
            signature = key.sign(content, padding.PKCS1v15(), used)
        else:
            signed_with = tbs.algorithm(used, is_rsa=False)
            content = tbs.encode(template, signed_with)
            signature = key.sign(content, ec.ECDSA(used))
        return x509.load_der_x509_certificate(tbs.put_together(content, signed_with, signature))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise GenerationError(f"certificate cannot be signed: {error}") from error


def hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """The hash that goes with a key. Source: RFC 5480 4."""
    if isinstance(key, rsa.RSAPrivateKey) or key.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if key.key_size <= 384 else hashes.SHA512()


def new_key(like: PrivateKey, rsa_bits: int = 2048, *, is_ec: bool | None = None) -> PrivateKey:
    """A key of the kind of another one; `is_ec`: P-256, or RSA, whatever the other is. RSA takes up to 1 s of CPU."""
    if is_ec is None and isinstance(like, ec.EllipticCurvePrivateKey):
        return ec.generate_private_key(like.curve)
    if is_ec:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
