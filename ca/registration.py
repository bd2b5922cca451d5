"""Registration authority: certificates are signed by Kubernetes' CSR API, we only say for whom.

Comes in: a request whose caller has proven identities. Goes out: the chain that the signer made. Nobody reads the CSR
between us and the signer, so here, unlike in the built-in CA, what it says must be what the caller may have: its names
all proven, nothing else in it than a sidecar's agent writes.

Source: CA behaviour 1.10.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ca import csr, csr_api
from ca.bundle import decode_certificates, encode_certificate
from ca.errors import BundleError, CsrError, GenerationError
from ca.kubernetes_api import KubernetesApi
from ca.template import LifetimePolicy, choose_lifetime

_USAGES = ("digital signature", "key encipherment", "server auth", "client auth")


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs: `default` (K8S_SIGNER) where the request names nobody, `domain` (CERT_SIGNER_DOMAIN) before a name."""

    default: str = ""
    domain: str = ""

    def name(self, wanted: str) -> str:
        """The signer's whole name. Raises: GenerationError where the settings do not allow it."""
        if wanted and not self.domain:
            raise GenerationError(f"signer {wanted[:80]!r}: CERT_SIGNER_DOMAIN is not set")
        name = f"{self.domain}/{wanted}" if wanted else self.default
        if not name:
            raise GenerationError("no signer: neither K8S_SIGNER nor the request names one")
        return name


class Registration:
    """One cluster's CSR API."""

    def __init__(
        self,
        api: KubernetesApi,
        signers: Signers,
        roots: str,
        roots_of: Mapping[str, str] | None = None,
        policy: LifetimePolicy | None = None,
    ) -> None:
        """`roots`: PEM of what signs by default; `roots_of`: by whole signer name (mesh config `caCertificates`).
        `policy`: more than its maximum is refused; its default is the signer's business.
        """
        self._api = api
        self._signers = signers
        self._roots = roots
        self._roots_of = roots_of if roots_of is not None else {}
        self._policy = policy or LifetimePolicy()

    async def sign(self, pem: str, identities: tuple[str, ...], seconds: int, wanted_signer: str) -> list[str]:
        """The leaf, the chain above it, the roots: one item each, the roots in one. Raises: SigningError."""
        check_request(pem, identities)
        choose_lifetime(seconds, self._policy)
        signer = self._signers.name(wanted_signer)
        issued = await csr_api.request_certificate(self._api, pem, signer, _USAGES, seconds)
        return self._response(issued, signer, wanted_signer)

    def _response(self, issued: bytes, signer: str, wanted_signer: str) -> list[str]:
        try:
            chain = decode_certificates(issued, f"signer {signer}")
        except BundleError as error:
            raise GenerationError(str(error)) from error
        known = self._roots_of.get(signer, "" if wanted_signer else self._roots)
        try:
            roots = known or _self_signed(chain)
            anchors = decode_certificates(roots.encode(), f"roots of signer {signer}")
            check_path(chain, anchors, signer)
        except (BundleError, GenerationError) as error:
            raise CsrError(str(error)) from error
        items = [encode_certificate(each) for each in chain]
        return items if items[-1].strip() == roots.strip() else [*items, roots]


def check_request(pem: str, identities: tuple[str, ...]) -> None:
    """Whether the request has the shape that agents write and asks only for names that the caller has proven.

    Raises: CsrError. Source: CA behaviour 1.10.
    """
    csr.decode_csr(pem)
    request = x509.load_der_x509_csr(csr.decode_pem(pem))
    if any(each.oid != NameOID.ORGANIZATION_NAME or each.value for each in request.subject):
        raise CsrError("subject of the certificate signing request: expected nothing but an empty organization")
    try:
        extensions = list(request.extensions)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise CsrError("extensions of the certificate signing request are unreadable") from error
    for each in extensions:
        if not isinstance(each.value, x509.SubjectAlternativeName):
            raise CsrError(
                f"certificate signing request: expected no extension but names, got {each.oid.dotted_string}"
            )
        names = list(each.value)
        if len(names) > 1 or not all(isinstance(name, x509.UniformResourceIdentifier) for name in names):
            raise CsrError("certificate signing request: expected one URI name at most, and no other")
        if not all(name.value in identities for name in names):
            raise CsrError("certificate signing request asks for a name that its caller has not proven")


def _self_signed(chain: tuple[x509.Certificate, ...]) -> str:
    for each in chain[1:]:
        if each.subject == each.issuer:
            return encode_certificate(each)
    raise BundleError("no root: the mesh configuration names none for this signer, and its chain has none")


def check_path(chain: tuple[x509.Certificate, ...], anchors: tuple[x509.Certificate, ...], signer: str) -> None:
    """Each certificate is issued by the next, the last one by a root or it is one. Raises: GenerationError."""
    for lower, upper in itertools.pairwise(chain):
        if not _is_issued(lower, (upper,)):
            raise GenerationError(f"signer {signer}: its chain is broken: {lower.subject.rfc4514_string()!r}")
    if chain[-1] not in anchors and not _is_issued(chain[-1], anchors):
        raise GenerationError(f"signer {signer}: its chain does not lead to its root")


def _is_issued(certificate: x509.Certificate, issuers: tuple[x509.Certificate, ...]) -> bool:
    for each in issuers:
        try:
            certificate.verify_directly_issued_by(each)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return True
    return False
