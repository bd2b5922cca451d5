"""A template as the bytes that are signed, and a signature put under them: the DER of RFC 5280 4.1.

Comes in: a `Template`, later the signature. Goes out: bytes. What a name, a key or an extension looks like inside is
the library's business; here is only the frame around them, which its builder makes twice as slowly. A test
compares the two byte by byte, and each certificate is read by the library and checked before it leaves. No clock, no
randomness, no I/O.

Source: RFC 5280 4.1 and appendix A, RFC 4055 5, RFC 5758 3.2; ITU-T X.690 8, 10, 11.
"""

from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ca.template import Template

_BOOLEAN, _INTEGER, _BIT_STRING, _OCTET_STRING, _OBJECT_IDENTIFIER = b"\x01", b"\x02", b"\x03", b"\x04", b"\x06"
_UTC_TIME, _GENERALIZED_TIME, _SEQUENCE = b"\x17", b"\x18", b"\x30"
_VERSION_3, _EXTENSIONS = b"\xa0\x03\x02\x01\x02", b"\xa3"
_TRUE, _NULL = _BOOLEAN + b"\x01\xff", b"\x05\x00"
_FIRST_YEAR, _FIRST_GENERALIZED_YEAR = 1950, 2050
_RSA = {"sha256": "2a864886f70d01010b", "sha384": "2a864886f70d01010c", "sha512": "2a864886f70d01010d"}
_ECDSA = {"sha256": "2a8648ce3d040302", "sha384": "2a8648ce3d040303", "sha512": "2a8648ce3d040304"}


def algorithm(used: hashes.HashAlgorithm, *, is_rsa: bool) -> bytes:
    """The AlgorithmIdentifier of a signature: RSA (PKCS#1 v1.5) or ECDSA with a SHA-2 hash."""
    oid = _value(_OBJECT_IDENTIFIER, bytes.fromhex((_RSA if is_rsa else _ECDSA)[used.name]))
    return _value(_SEQUENCE, oid + _NULL if is_rsa else oid)


def encode(template: Template, signed_with: bytes) -> bytes:
    """The TBSCertificate. `signed_with`: of `algorithm`. Raises: ValueError for what no certificate may say."""
    if template.serial <= 0 or template.serial.bit_length() > 159:
        raise ValueError(f"serial number: expected a positive one of at most 20 bytes, got {template.serial:#x}")
    if template.not_before > template.not_after or template.not_before.year < _FIRST_YEAR:
        raise ValueError(f"lifetime: expected an end after {template.not_before}, got {template.not_after}")
    key = template.public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = (
        _VERSION_3,
        _value(_INTEGER, template.serial.to_bytes(template.serial.bit_length() // 8 + 1)),
        signed_with,
        template.issuer.public_bytes(),
        _value(_SEQUENCE, _time(template.not_before) + _time(template.not_after)),
        template.subject.public_bytes(),
        key,
        _extensions(template.extensions),
    )
    return _value(_SEQUENCE, b"".join(parts))


def put_together(tbs: bytes, signed_with: bytes, signature: bytes) -> bytes:
    """The Certificate."""
    return _value(_SEQUENCE, tbs + signed_with + _value(_BIT_STRING, b"\x00" + signature))


def _time(moment: datetime) -> bytes:
    """UTC, in whole seconds; two digits for the year as long as that is possible."""
    if moment.year < _FIRST_GENERALIZED_YEAR:
        return _value(_UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return _value(_GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


@lru_cache(maxsize=4096)
def _extensions(extensions: tuple[tuple[x509.ExtensionType, bool], ...]) -> bytes:
    """Those of one identity are the same each time; none at all are left out."""
    if not extensions:
        return b""
    encoded = (
        _value(
            _SEQUENCE,
            _oid(each.oid) + (_TRUE if is_critical else b"") + _value(_OCTET_STRING, each.public_bytes()),
        )
        for each, is_critical in extensions
    )
    return _value(_EXTENSIONS, _value(_SEQUENCE, b"".join(encoded)))


def _oid(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *others = map(int, oid.dotted_string.split("."))
    content = bytearray()
    for arc in (40 * first + second, *others):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return _value(_OBJECT_IDENTIFIER, bytes(content))


def _value(tag: bytes, content: bytes) -> bytes:
    """Tag, length, content."""
    length = len(content)
    if length < 0x80:
        return tag + bytes((length,)) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8)
    return tag + bytes((0x80 | len(digits),)) + digits + content
