"""Mutual TLS of proxyless gRPC: certificates are named by a provider that the client's bootstrap describes.

In: identities of servers. Out: transport sockets. Source: xDS behaviour A.19.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy.packing import pack

_PROVIDER: Final = "default"
_OWN: Final = "default"
_ROOTS: Final = "ROOTCA"
_Instance: Final = CommonTlsContext.CertificateProviderInstance


def upstream(accounts: Sequence[str]) -> Any:
    """The socket of a client whose servers have one of these identities."""
    names = [StringMatcher(exact=each) for each in accounts]
    return _socket(UpstreamTlsContext(common_tls_context=_context(names)))


@lru_cache(maxsize=1)
def downstream() -> Any:
    """The socket of a server that wants a client certificate."""
    context = DownstreamTlsContext(common_tls_context=_context([]), require_client_certificate=BoolValue(value=True))
    return _socket(context)


def _socket(context: Any) -> Any:
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def _context(names: Sequence[Any]) -> Any:
    # clients of different ages read the old field or the new one
    roots = CertificateProviderPluginInstance(instance_name=_PROVIDER, certificate_name=_ROOTS)
    return CommonTlsContext(
        tls_certificate_provider_instance=CertificateProviderPluginInstance(
            instance_name=_PROVIDER, certificate_name=_OWN
        ),
        tls_certificate_certificate_provider_instance=_Instance(instance_name=_PROVIDER, certificate_name=_OWN),
        combined_validation_context=CommonTlsContext.CombinedCertificateValidationContext(
            default_validation_context=CertificateValidationContext(
                ca_certificate_provider_instance=roots, match_subject_alt_names=names
            ),
            validation_context_certificate_provider_instance=_Instance(
                instance_name=_PROVIDER, certificate_name=_ROOTS
            ),
        ),
    )
