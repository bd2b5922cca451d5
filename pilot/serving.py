"""The control plane's own certificate: which of its sources counts here.

In: settings, who signs, the cluster. Out: what presents a certificate and keeps it fresh; None where nobody does, and
then there is no secure port. Puts parts of `ca` together.
Source: certificate authority behaviour 1.11.
"""

import asyncio
import logging
from collections.abc import Callable

from ca import kubernetes_serving
from ca.authn.local_issuer import utc_now
from ca.authority import Authority
from ca.errors import ProviderError
from ca.kubernetes_serving import KubernetesServing
from ca.rotation import ServingRotation
from ca.serving import host_names
from ca.serving_files import ServingFiles
from ca.tls_policy import TlsPolicy, parse_policy
from pilot.kube_client import KubeClient
from pilot.settings import Settings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""A mesh without Kubernetes is called by address; these are always right."""
_SIGNER = "k8s.io/"

Serving = ServingRotation | ServingFiles | KubernetesServing

_log = logging.getLogger("ca")


def policy_of(settings: Settings) -> TlsPolicy:
    """Of every TLS port. Raises: TlsPolicyError."""
    limits = settings.certificates
    policy, warnings = parse_policy(limits.cipher_suites, limits.compliance)
    for each in warnings:
        _log.warning(each)
    return policy


def is_kubernetes_signed(settings: Settings) -> bool:
    """A signer of Kubernetes issues it; then there is no CA of our own."""
    return settings.certificates.provider.startswith(_SIGNER)


async def choose(
    settings: Settings,
    authority: Authority | None,
    client: KubeClient | None,
    discovery_address: str,
    roots_of: Callable[[str], str],
    more_roots: Callable[[], str],
) -> Serving | None:
    """`roots_of`: a signer's, by its name; `more_roots`: that clients' certificates may lead to. Raises: CaError."""
    limits, policy = settings.certificates, policy_of(settings)
    if limits.serving_files is not None:
        return await asyncio.to_thread(ServingFiles, limits.serving_files, policy)
    if limits.provider == "kubernetes":
        raise ProviderError("PILOT_CERT_PROVIDER=kubernetes: expected istiod or k8s.io/<signer>; this one was removed")
    names = _names(settings, discovery_address)
    if is_kubernetes_signed(settings):
        if client is None:
            raise ProviderError(f"PILOT_CERT_PROVIDER={limits.provider}: there is no Kubernetes to ask")
        signer = limits.provider.removeprefix(_SIGNER)
        return await kubernetes_serving.requested(client, signer, names, lambda: roots_of(signer), utc_now, policy)
    if authority is not None and limits.provider == "istiod":
        return await asyncio.to_thread(ServingRotation, authority, names, policy=policy, more_roots=more_roots)
    _log.warning("nobody issues a certificate for the control plane: there is no secure port")
    return None


def _names(settings: Settings, discovery_address: str) -> tuple[str, ...]:
    """Names in the control plane's certificate."""
    host = settings.addresses.secure_grpc.rpartition(":")[0].strip("[]")
    own = (*LOOPBACK_NAMES, host) if settings.is_file_mode else ()
    features, custom = settings.features, settings.certificates.custom_hosts
    return host_names(features.system_namespace, features.revision, (*custom, *own), discovery_address)
