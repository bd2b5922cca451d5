"""What is wrong with an object of the Gateway API, and what its status calls that.

In: nothing. Out: the words that problems show, with the reason that a condition gives. Who decides that something is
wrong says both at once: status is made of the decisions that were served. Source: Gateway API 1.4; installation 9.5.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Reasons of conditions, as the Gateway API names them; the last few are istiod's."""

    UNSUPPORTED_PROTOCOL = "UnsupportedProtocol"
    PORT_UNAVAILABLE = "PortUnavailable"
    HOSTNAME_CONFLICT = "HostnameConflict"
    PROTOCOL_CONFLICT = "ProtocolConflict"
    INVALID_CERTIFICATE = "InvalidCertificateRef"
    INVALID_ROUTE_KINDS = "InvalidRouteKinds"
    INVALID_CA = "InvalidCACertificateRef"
    NO_VALID_CA = "NoValidCACertificate"
    NO_MATCHING_PARENT = "NoMatchingParent"
    NO_MATCHING_HOSTNAME = "NoMatchingListenerHostname"
    NOT_ALLOWED = "NotAllowedByListeners"
    REF_NOT_PERMITTED = "RefNotPermitted"
    INVALID_KIND = "InvalidKind"
    BACKEND_NOT_FOUND = "BackendNotFound"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    TARGET_NOT_FOUND = "TargetNotFound"
    CONFLICTED = "Conflicted"
    INVALID = "Invalid"
    UNSUPPORTED_ADDRESS = "UnsupportedAddress"
    ADDRESS_NOT_ASSIGNED = "AddressNotAssigned"
    ADDRESS_NOT_USABLE = "AddressNotUsable"
    LISTENERS_NOT_VALID = "ListenersNotValid"
    SET_NOT_ALLOWED = "NotAllowed"
    NO_LISTENER_SETS = "NoListenerSetsAttached"
    INVALID_DESTINATION = "InvalidDestination"
    INVALID_FILTER = "InvalidFilter"


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake; `str()` is its message: lower case, what was expected and what was there."""

    message: str
    reason: Reason

    def __str__(self) -> str:
        return self.message
