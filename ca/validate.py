"""Checks our own output: a bug in the CA becomes a refused request, not a wrong certificate in the mesh.

Comes in: a signed certificate, the template it was made from and the issuer's certificate. Goes out: nothing, or an
`InvalidOutputError` that says which part differs. Every field is compared, so an extension too many fails as well.
No clock, no randomness, no I/O.

Source: house rule 13; CA behaviour 1.6.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ca.errors import InvalidOutputError
from ca.template import Template


def check(certificate: x509.Certificate, template: Template, issuer: x509.Certificate) -> None:
    """Compares a certificate (leaf, or a root with itself as `issuer`) with what was meant.

    Raises: InvalidOutputError.
    """
    try:
        _check_fields(certificate, template)
        _check_extensions(certificate, template)
        _check_issuer(certificate, issuer)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise InvalidOutputError(f"BUG: invalid certificate: unreadable after signing: {error}") from error


def _check_fields(certificate: x509.Certificate, template: Template) -> None:
    _expect("version", certificate.version, x509.Version.v3)
    _expect("serial number", certificate.serial_number, template.serial)
    _expect("subject", certificate.subject, template.subject)
    _expect("issuer", certificate.issuer, template.issuer)
    _expect("notBefore", certificate.not_valid_before_utc, template.not_before)
    _expect("notAfter", certificate.not_valid_after_utc, template.not_after)
    if certificate.public_key() != template.public_key:
        raise InvalidOutputError("BUG: invalid certificate: it certifies another key than the one asked for")


def _check_extensions(certificate: x509.Certificate, template: Template) -> None:
    found = {each.oid.dotted_string: (each.value, each.critical) for each in certificate.extensions}
    meant = {each.oid.dotted_string: (each, critical) for each, critical in template.extensions}
    _expect("extensions", sorted(found), sorted(meant))
    for oid, value in meant.items():
        _expect(f"extension {oid}", found[oid], value)


def _check_issuer(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if certificate.not_valid_after_utc > issuer.not_valid_after_utc:
        raise InvalidOutputError(
            f"BUG: invalid certificate: expected it to end by {issuer.not_valid_after_utc}, when its issuer does,"
            f" got {certificate.not_valid_after_utc}"
        )
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature as error:
        raise InvalidOutputError("BUG: invalid certificate: the issuer's key does not verify its signature") from error


def _expect(what: str, found: object, meant: object) -> None:
    if found != meant:
        raise InvalidOutputError(f"BUG: invalid certificate: {what}: expected {meant}, got {found}")
