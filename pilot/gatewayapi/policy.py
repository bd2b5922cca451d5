"""ReferenceGrant, BackendTLSPolicy and XBackendTrafficPolicy as decoded. Pure data."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.gatewayapi.gateway import ObjectReference
from pilot.model.objects import Fragment, Object


class GrantFrom(Fragment, frozen=True):
    """Who may refer."""

    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Fragment, frozen=True):
    """To what; an empty name means every object of the kind."""

    group: str = ""
    kind: str = ""
    name: str = ""


class ReferenceGrantSpec(Fragment, frozen=True):
    """`spec` of a ReferenceGrant."""

    from_: tuple[GrantFrom, ...] = ()
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(Object, frozen=True):
    """gateway.networking.k8s.io ReferenceGrant: lets objects elsewhere refer to those of its namespace."""

    KIND: ClassVar[str] = "ReferenceGrant"

    spec: ReferenceGrantSpec = ReferenceGrantSpec()


class TargetReference(Fragment, frozen=True):
    """A Service, or one port of it by name."""

    group: str = ""
    kind: str = ""
    name: str = ""
    section_name: str = ""


class SubjectAltName(Fragment, frozen=True):
    """`type` is Hostname or URI."""

    type: str = ""
    hostname: str = ""
    uri: str = ""


class BackendValidation(Fragment, frozen=True):
    """What a backend has to prove."""

    hostname: str = ""
    ca_certificate_refs: tuple[ObjectReference, ...] = field(default=(), name="caCertificateRefs")
    well_known_ca_certificates: str = field(default="", name="wellKnownCACertificates")
    subject_alt_names: tuple[SubjectAltName, ...] = ()


class BackendTlsPolicySpec(Fragment, frozen=True):
    """`spec` of a BackendTLSPolicy."""

    target_refs: tuple[TargetReference, ...] = ()
    validation: BackendValidation = BackendValidation()


class BackendTlsPolicy(Object, frozen=True):
    """gateway.networking.k8s.io BackendTLSPolicy: TLS toward a Service."""

    KIND: ClassVar[str] = "BackendTLSPolicy"

    spec: BackendTlsPolicySpec = BackendTlsPolicySpec()


class RetryShare(Fragment, frozen=True):
    """How many retries there may be for so many requests."""

    percent: int = 20


class RetryRate(Fragment, frozen=True):
    """How many retries there may always be."""

    count: int = 10


class RetryConstraint(Fragment, frozen=True):
    """A limit of retries."""

    budget: RetryShare = RetryShare()
    min_retry_rate: RetryRate = RetryRate()


class BackendTrafficPolicySpec(Fragment, frozen=True):
    """`spec` of an XBackendTrafficPolicy."""

    target_refs: tuple[TargetReference, ...] = ()
    retry_constraint: RetryConstraint | None = None
    session_persistence: Mapping[str, object] | None = None
    """Noted, and not served."""


class BackendTrafficPolicy(Object, frozen=True):
    """gateway.networking.x-k8s.io XBackendTrafficPolicy: how clients call a Service."""

    KIND: ClassVar[str] = "XBackendTrafficPolicy"

    spec: BackendTrafficPolicySpec = BackendTrafficPolicySpec()
