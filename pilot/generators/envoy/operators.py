"""Format strings with operators (`%REQ(:PATH)%`), as access logs and header values have them.

In: text of the user. Out: what is wrong with its syntax, or None. In header values, where one mistake would cost all
routes of a port, names must be known too; formats of logs may have names that only some Envoys know.
Source: Envoy, access log format strings.
"""

import re
from typing import Final

_OPERATOR: Final = re.compile(r"%%|%[A-Z0-9_]+(?:\([^)]*\))?(?::[0-9]+)?%")


_NAMED: Final = re.compile(r"%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::[0-9]+)?%")
_HEADER: Final = re.compile(r":?[\w!#$&'*+.^`|~-]+(?:\?:?[\w!#$&'*+.^`|~-]+)?", re.ASCII)
_OF_HEADERS: Final = frozenset(("REQ", "RESP", "TRAILER"))
_CERTIFICATES: Final = "CERT CERT_V_END CERT_V_START DNS_SAN IP_SAN ISSUER SUBJECT URI_SAN"
_OF_CLIENTS: Final = (
    "LOCAL_SUBJECT PEER_CHAIN_FINGERPRINTS_1 PEER_CHAIN_FINGERPRINTS_256 PEER_CHAIN_SERIALS PEER_EMAIL_SAN "
    "PEER_FINGERPRINT_1 PEER_FINGERPRINT_256 PEER_OTHERNAME_SAN PEER_SERIAL"
)
_CONNECTIONS: Final = (
    "LOCAL_ADDRESS LOCAL_ADDRESS_WITHOUT_PORT LOCAL_PORT REMOTE_ADDRESS REMOTE_ADDRESS_WITHOUT_PORT REMOTE_PORT "
    "LOCAL_DNS_SAN LOCAL_IP_SAN LOCAL_URI_SAN TLS_CIPHER TLS_SESSION_ID TLS_VERSION "
    "TRANSPORT_FAILURE_REASON WIRE_BYTES_RECEIVED WIRE_BYTES_SENT HEADER_BYTES_RECEIVED HEADER_BYTES_SENT"
)
_REQUESTS: Final = (
    "ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_SENT BYTES_RETRANSMITTED PACKETS_RETRANSMITTED CLUSTER_METADATA "
    "COMMON_DURATION CONNECTION_ID CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS DURATION "
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS "
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_HANDSHAKE_DURATION DYNAMIC_METADATA EMIT_TIME "
    "ENVIRONMENT FILTER_CHAIN_NAME FILTER_STATE GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME LOCAL_REPLY_BODY METADATA "
    "PATH PER_REQUEST_STATE PROTOCOL QUERY_PARAM REQUESTED_SERVER_NAME REQUEST_DURATION REQUEST_HEADERS_BYTES "
    "REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_DURATION RESPONSE_FLAGS "
    "RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION "
    "ROUNDTRIP_DURATION ROUTE_NAME START_TIME START_TIME_LOCAL STREAM_ID TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT "
    "TRACE_ID UNIQUE_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID "
    "UPSTREAM_CONNECTION_POOL_READY_DURATION UPSTREAM_FILTER_STATE UPSTREAM_HOST UPSTREAM_HOST_NAME "
    "UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_METADATA UPSTREAM_PROTOCOL UPSTREAM_REQUEST_ATTEMPT_COUNT "
    "VIRTUAL_CLUSTER_NAME"
)
_KNOWN: Final = _OF_HEADERS | frozenset(
    _REQUESTS.split()
    + [f"{side}_{each}" for side in ("DOWNSTREAM", "UPSTREAM") for each in _CONNECTIONS.split()]
    + [f"{side}_PEER_{each}" for side in ("DOWNSTREAM", "UPSTREAM") for each in _CERTIFICATES.split()]
    + [f"DOWNSTREAM_{each}" for each in _OF_CLIENTS.split()]
)
"""Names that Envoy 1.36 to 1.40 take in header values."""
_WITH_ARGUMENT: Final = _OF_HEADERS | {
    *("CLUSTER_METADATA", "COMMON_DURATION", "DYNAMIC_METADATA", "ENVIRONMENT", "FILTER_STATE", "METADATA"),
    *("PER_REQUEST_STATE", "QUERY_PARAM", "UPSTREAM_FILTER_STATE", "UPSTREAM_METADATA"),
}


def header_value_error(text: str) -> str | None:
    """Why Envoy would refuse the text as the value of a header; None where it would not."""
    error = operator_error(text)
    if error:
        return error
    for name, argument in _NAMED.findall(text):
        if name and name not in _KNOWN:
            return f"expected an operator that Envoy knows, got %{name}%"
        if name in _WITH_ARGUMENT and not argument:
            return f"expected %{name}(...)%, got it without an argument"
        if name in _OF_HEADERS and not _HEADER.fullmatch(argument):
            return f"expected %{name}(HEADER)% or %{name}(HEADER?OTHER)%, got {argument!r}"
    return None


def operator_error(text: str) -> str | None:
    """Why Envoy would refuse the text; None where its operators are well formed."""
    if "%" in _OPERATOR.sub("", text):
        return f"expected %OPERATOR%, or %% for a percent sign, got {text[:80]!r}"
    return None
