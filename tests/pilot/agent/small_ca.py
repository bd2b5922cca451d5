"""A certificate authority of a few lines: for tests of the agent, with every field under the test's control."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pilot.agent.workload_certificate import PrivateKey

PublicKey = ec.EllipticCurvePublicKey
DAY = timedelta(days=1)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class SmallCa:
    """A root, or with `issuer` an intermediate."""

    def __init__(self, name: str = "test root", issuer: "SmallCa | None" = None) -> None:
        self.key: Any = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        signed_by, issuer_name = (issuer.key, issuer._subject) if issuer else (self.key, self._subject)
        builder = self._builder(self._subject, issuer_name, self.key.public_key(), datetime.now(UTC), 365 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(signed_by, hashes.SHA256())

    @classmethod
    def of(cls, certificate: bytes, key: bytes) -> "SmallCa":
        """One that signs with somebody else's key."""
        made = cls()
        made.certificate = x509.load_pem_x509_certificate(certificate)
        made._subject = made.certificate.subject
        made.key = serialization.load_pem_private_key(key, None)
        return made

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    def sign(
        self,
        public_key: object,
        uris: Sequence[str] = (),
        hosts: Sequence[str] = (),
        lifetime: timedelta = DAY,
        now: datetime | None = None,
    ) -> x509.Certificate:
        """A leaf, backdated by two minutes as the real ones are."""
        names = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, hosts)]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(x509.Name([]), self._subject, public_key, now or datetime.now(UTC), lifetime)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def sign_csr(self, csr: bytes, lifetime: timedelta = DAY, now: datetime | None = None) -> x509.Certificate:
        """Believes the request: the real authority takes the identity from the caller's credentials."""
        request = x509.load_pem_x509_csr(csr)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        return self.sign(request.public_key(), uris=uris, lifetime=lifetime, now=now)

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, public_key: object, now: datetime, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=issuer,
            public_key=public_key,  # type: ignore[arg-type]  # either kind of key
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(minutes=2),
            not_valid_after=now + lifetime,
        )
