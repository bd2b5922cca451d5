"""What a certificate will say, decided before anything is signed.

Comes in: a public key, the identities that the caller proved, the lifetime wanted, the issuer's name and limits, and
the clock and serial number of this one certificate. Goes out: a `Template`. Pure: the same input is the same template.

Source: CA behaviour 1.6 (contents and lifetimes), 1.7 (root); every field as recorded.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ca.csr import PublicKey
from ca.errors import GenerationError, LifetimeError

BACKDATE = timedelta(minutes=2)
"""How far a leaf's notBefore lies in the past: an allowance for clocks that run behind ours."""
MAX_COMMON_NAME = 64
"""X.520's upper bound; a longer name is left out rather than cut."""
SERIAL_BITS = 128

LEAF_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=True,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
ROOT_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    key_encipherment=False,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
LEAF_EXTENDED_KEY_USAGE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True, slots=True)
class LifetimePolicy:
    """How long leaves live: `default` where nothing is asked for; more than `maximum` is refused, not cut."""

    default: timedelta = timedelta(hours=24)
    maximum: timedelta = timedelta(hours=2160)


@dataclass(frozen=True, slots=True)
class Issuer:
    """What a template must know of the certificate that will sign it."""

    subject: x509.Name
    not_after: datetime
    key_identifier: x509.AuthorityKeyIdentifier


@dataclass(frozen=True, slots=True)
class Template:
    """A certificate without its signature. `extensions`: (extension, critical), in the order they are written."""

    subject: x509.Name
    issuer: x509.Name
    public_key: PublicKey
    serial: int
    not_before: datetime
    not_after: datetime
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]


def choose_lifetime(requested_seconds: int, policy: LifetimePolicy) -> timedelta:
    """Zero or less means the default.

    Raises: LifetimeError above the maximum. Source: CA behaviour 1.6 "Lifetimes".
    """
    if requested_seconds <= 0:
        return policy.default
    allowed = int(policy.maximum.total_seconds())
    if requested_seconds > allowed:
        raise LifetimeError(
            f"requested TTL {_hours(requested_seconds)} is greater than the max allowed TTL {_hours(allowed)}"
        )
    return timedelta(seconds=requested_seconds)


def build_leaf(
    public_key: PublicKey,
    identities: tuple[str, ...],
    lifetime: timedelta,
    issuer: Issuer,
    *,
    wants_common_name: bool,
    now: datetime,
    serial: int,
) -> Template:
    """A workload's certificate (or the control plane's own, whose identities are host names).

    It never outlives its issuer: where `lifetime` reaches further, notAfter is the issuer's.

    Raises: GenerationError without identities, or with an issuer that has expired. Source: CA behaviour 1.6.
    """
    if not identities:
        raise GenerationError("no identity to certify")
    now = _whole_seconds(now)
    if now >= issuer.not_after:
        raise GenerationError(f"signing certificate expired at {issuer.not_after:%Y-%m-%dT%H:%M:%SZ}")
    common_name = identities[0] if wants_common_name and len(identities[0]) <= MAX_COMMON_NAME else ""
    return Template(
        subject=_name(NameOID.COMMON_NAME, common_name),
        issuer=issuer.subject,
        public_key=public_key,
        serial=serial,
        not_before=now - BACKDATE,
        not_after=min(_whole_seconds(now + lifetime), issuer.not_after),
        extensions=(
            (LEAF_KEY_USAGE, True),
            (LEAF_EXTENDED_KEY_USAGE, False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (issuer.key_identifier, False),
            (subject_alternative_names(identities), True),
        ),
    )


def build_root(
    organization: str, public_key: PublicKey, lifetime: timedelta, *, now: datetime, serial: int
) -> Template:
    """A self-signed root named after the trust domain, valid from now on.

    Source: CA behaviour 1.7; as recorded.
    """
    now = _whole_seconds(now)
    name = _name(NameOID.ORGANIZATION_NAME, organization)
    return Template(
        subject=name,
        issuer=name,
        public_key=public_key,
        serial=serial,
        not_before=now,
        not_after=_whole_seconds(now + lifetime),
        extensions=(
            (ROOT_KEY_USAGE, True),
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        ),
    )


def organization_of(root: x509.Certificate) -> str:
    """What `build_root` was told; empty where the root has no such name."""
    names = root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return "".join(str(each.value) for each in names)


def build_intermediate(
    organization: str,
    common_name: str,
    public_key: PublicKey,
    lifetime: timedelta,
    issuer: Issuer,
    *,
    now: datetime,
    serial: int,
) -> Template:
    """A CA below another, for one control plane; it may sign leaves, but no further CA, and never outlives its issuer.

    Raises: GenerationError with an issuer that has expired.
    """
    now = _whole_seconds(now)
    if now >= issuer.not_after:
        raise GenerationError(f"signing certificate expired at {issuer.not_after:%Y-%m-%dT%H:%M:%SZ}")
    names = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME]))
    return Template(
        subject=x509.Name([x509.NameAttribute(*each) for each in names]),
        issuer=issuer.subject,
        public_key=public_key,
        serial=serial,
        not_before=now,
        not_after=min(_whole_seconds(now + lifetime), issuer.not_after),
        extensions=(
            (ROOT_KEY_USAGE, True),
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
            (issuer.key_identifier, False),
        ),
    )


@lru_cache(maxsize=4096)
def subject_alternative_names(identities: tuple[str, ...]) -> x509.SubjectAlternativeName:
    """Identities as one extension: an IP literal is an iPAddress, `spiffe://…` a URI, anything else a DNS name.

    Raises: GenerationError for text that no name may hold. Source: CA behaviour 1.6.
    """
    try:
        return x509.SubjectAlternativeName([_general_name(identity) for identity in identities])
    except (ValueError, TypeError) as error:
        raise GenerationError("identity cannot be written into a certificate: expected ASCII text") from error


def _general_name(identity: str) -> x509.GeneralName:
    if identity.startswith("spiffe://"):
        return x509.UniformResourceIdentifier(identity)
    try:
        return x509.IPAddress(ipaddress.ip_address(identity))
    except ValueError:
        return x509.DNSName(identity)


def _name(attribute: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(attribute, value)] if value else [])


def _whole_seconds(moment: datetime) -> datetime:
    """Certificates count in seconds: what is compared after signing must not have more."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _hours(seconds: int) -> str:
    """Like `2160h0m0s`: units from the first that is not zero down to seconds."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes}m{seconds % 60}s"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"
