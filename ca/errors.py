"""Everything that can go wrong in the certificate authority, as one tree.

    CaError
    ├── DeniedError             a call that ends with an error: `code` is its gRPC status, `public` its text
    │   ├── UnauthenticatedError    UNAUTHENTICATED   nobody vouched for the caller; the reasons are for our log only
    │   │   └── ImpersonationError  UNAUTHENTICATED   the caller may not ask in another's name
    │   ├── RequestError            INVALID_ARGUMENT  bytes that are no request
    │   └── SigningError                              counted by `kind` in citadel_server_csr_sign_err_count
    │       ├── CsrError            INVALID_ARGUMENT  CSR_ERROR      the certificate signing request is bad
    │       ├── LifetimeError       INVALID_ARGUMENT  TTL_ERROR      more lifetime than we grant
    │       ├── NotReadyError       INTERNAL          CA_NOT_READY   there is no signing certificate
    │       └── GenerationError     INTERNAL          CERT_GEN_ERROR signing failed
    │           └── InvalidOutputError                               BUG: what we signed is not what we meant to sign
    ├── CredentialError         one authenticator's reason to refuse one credential; never leaves the process
    ├── KubernetesError         the API server refused or cannot be reached; `status` is HTTP's, 0 where there was none
    ├── KeySetError             an issuer's public keys cannot be had
    ├── InvalidIdError          text that is no SPIFFE id or trust domain
    ├── BundleError             CA key, certificate, chain and roots that do not fit together
    ├── StateError              the state directory cannot be read or written
    ├── TlsPolicyError          demands on TLS that are not known or cannot be met
    ├── ProviderError           a source of the control plane's certificate that does not exist
    └── RolloverError           a change of the mesh's root that is not possible now

`status_of` is the one place where the tree becomes gRPC. Nothing here logs, counts or sends.

Source: CA behaviour 1.1 (order and codes).
"""

from typing import ClassVar

import grpc


class CaError(Exception):
    """Root of the tree."""


class DeniedError(CaError):
    """A call that ends with an error. `str(error)` is for our log; `public` goes to the caller."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL

    @property
    def public(self) -> str:
        """What the caller is told."""
        return str(self)


class UnauthenticatedError(DeniedError):
    """Nobody vouched for the caller. `reasons`: (authenticator, why it refused), in the order they were asked."""

    code = grpc.StatusCode.UNAUTHENTICATED

    def __init__(self, reasons: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in reasons) or "no authenticator")
        self.reasons = reasons

    @property
    def public(self) -> str:
        """Opaque on purpose: a stranger learns nothing about which part of a credential was wrong."""
        return "request authenticate failure"


class ImpersonationError(UnauthenticatedError):
    """The caller is known, but may not ask for a certificate in another's name."""

    def __init__(self, why: str) -> None:
        super().__init__((("impersonation", why),))

    @property
    def public(self) -> str:
        """Opaque, as for its parent."""
        return "request impersonation authentication failure"


class RequestError(DeniedError):
    """The message is no IstioCertificateRequest."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class SigningError(DeniedError):
    """No certificate. `kind` is the metric's label."""

    kind: ClassVar[str] = "CERT_GEN_ERROR"

    @property
    def public(self) -> str:
        """The reason in the frame that istiod's clients know."""
        return f"CSR signing error ({self})"


class CsrError(SigningError):
    """The certificate signing request is unreadable, badly signed, or asks us to certify a weak key."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    kind = "CSR_ERROR"


class LifetimeError(SigningError):
    """The requested lifetime is above the maximum."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    kind = "TTL_ERROR"


class NotReadyError(SigningError):
    """There is no signing certificate yet."""

    kind = "CA_NOT_READY"


class GenerationError(SigningError):
    """The certificate could not be made: an expired issuer, an unusable identity, a failure of the library."""


class InvalidOutputError(GenerationError):
    """BUG: the certificate that came out differs from its template. It does not leave."""


class CredentialError(CaError):
    """Why one authenticator did not accept one credential."""


class KubernetesError(CaError):
    """A call to an API server failed. `status`: of its answer; 0 where none came."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class KeySetError(CaError):
    """An issuer's public keys cannot be fetched or are unreadable."""


class InvalidIdError(CaError, ValueError):
    """Text that is not a SPIFFE id of the mesh, or not a trust domain."""


class BundleError(CaError):
    """The CA's key, certificate, chain and roots are unreadable or do not belong together."""


class StateError(CaError):
    """The state directory cannot be used."""


class TlsPolicyError(CaError):
    """A demand on TLS that is not known or cannot be met."""


class ProviderError(CaError):
    """PILOT_CERT_PROVIDER or EXTERNAL_CA name what does not exist, or lacks what it needs."""


class RolloverError(CaError):
    """A change of the mesh's root cannot begin, go on or go back; says why."""


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The gRPC status and details for an error; what is not ours is a bug, of which the caller learns only that."""
    if isinstance(error, DeniedError):
        return error.code, error.public
    return grpc.StatusCode.INTERNAL, "internal error"
