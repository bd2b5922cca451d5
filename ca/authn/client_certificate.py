"""Callers by the certificate that they showed in the TLS handshake.

Comes in: the names of a certificate whose chain TLS has verified. Goes out: a `Caller` with all of them. `spiffe_names`
is the rule that TLS applies once for each connection, before any call: exactly one URI, an id of our trust domain.

Source: CA behaviour 1.2 (1), 1.4 "SPIFFE check"; X.509-SVID standard 2, 5.2.
"""

from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ca.authn.caller import Call, Caller
from ca.errors import CredentialError, InvalidIdError
from ca.spiffe import TrustDomain, parse_spiffe_id


class ClientCertificateAuthenticator:
    """Believes what TLS verified."""

    name = "ClientCertAuthenticator"

    async def authenticate(self, call: Call) -> Caller:
        """Every name of the certificate is an identity. Raises: CredentialError without a certificate."""
        if not call.certificate_names:
            raise CredentialError("no client certificate")
        return Caller(call.certificate_names, self.name)


def spiffe_names(der: bytes, trust_domain: TrustDomain | Collection[TrustDomain], now: datetime) -> tuple[str, ...]:
    """Every subject alternative name of a client's certificate, given that it is an SVID of this mesh and valid now.

    Order as in the certificate; URIs and DNS names as text, IP addresses as literals. The chain is not looked at: TLS
    verified it against our roots. Raises: CredentialError.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise CredentialError("client certificate has no subject alternative name") from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise CredentialError(f"client certificate is unreadable: {error}") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise CredentialError(f"client certificate: expected exactly one URI name, got {len(uris)}")
    try:
        found = parse_spiffe_id(uris[0]).trust_domain
    except InvalidIdError as error:
        raise CredentialError(f"client certificate: {error}") from error
    wanted = (trust_domain,) if isinstance(trust_domain, TrustDomain) else trust_domain
    if found not in wanted:
        expected = " or ".join(sorted(map(str, wanted)))
        raise CredentialError(f"client certificate: expected trust domain {expected}, got {found}")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise CredentialError(f"client certificate is not valid at {now:%Y-%m-%dT%H:%M:%SZ}")
    return tuple(str(name.value) for name in names if isinstance(name, _NAMES))


_NAMES = (x509.UniformResourceIdentifier, x509.DNSName, x509.IPAddress)
