"""What rests on the certificate authority: the secure port, who calls it, the service that signs.

In: settings. Out: a `Trust` to wire a gRPC server with. Puts the parts of `ca` together; decides nothing itself.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from prometheus_client import CollectorRegistry

from ca import self_signed
from ca.authn import local_issuer
from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.chain import Chain
from ca.authn.client_certificate import ClientCertificateAuthenticator, spiffe_names
from ca.authn.grpc_call import GrpcAuthentication
from ca.authority import Authority, random_serial
from ca.metrics import CaMetrics
from ca.rotation import ServingRotation
from ca.secure_port import SecurePort
from ca.service import CertificateService
from ca.serving import host_names
from ca.spiffe import parse_trust_domain
from ca.state_directory import StateDirectory
from ca.template import LifetimePolicy
from pilot.settings import Settings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""A mesh without Kubernetes is called by address; these are always right."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The secure port and what a gRPC server behind it needs."""

    port: SecurePort
    authentication: GrpcAuthentication
    handlers: tuple[grpc.GenericRpcHandler, ...]  # type: ignore[type-arg]  # not generic at run time


@contextlib.asynccontextmanager
async def establish(settings: Settings, trust_domain: str, registry: CollectorRegistry) -> AsyncIterator[Trust]:
    """The mesh's root, loaded or made, and everything on top of it; tasks of its own end with the context.

    Raises: CaError naming file and reason.
    """
    domain, limits = parse_trust_domain(trust_domain), settings.certificates
    state, clock = StateDirectory(settings.state_dir), local_issuer.utc_now
    bundle = await asyncio.to_thread(
        self_signed.load_or_create, state, str(domain), now=clock(), new_serial=random_serial, lifetime=limits.root_ttl
    )
    authority = Authority(bundle, LifetimePolicy(limits.default_ttl, limits.max_ttl))
    issuer = local_issuer.load_or_create(settings.state_dir)
    rotation = await asyncio.to_thread(ServingRotation, authority, _names(settings))
    port = SecurePort(lambda: rotation.context, lambda der: spiffe_names(der, domain, clock()), settings.state_dir)
    tokens = LocalTokenAuthenticator(issuer, domain, limits.audiences, (settings.features.cluster_id,))
    authentication = GrpcAuthentication(Chain((ClientCertificateAuthenticator(), tokens)), port.connections)
    metrics = CaMetrics(authority)
    registry.register(metrics)
    with ThreadPoolExecutor(os.cpu_count() or 1, "signer") as signers:
        service = CertificateService(authority, authentication, metrics, signers)
        task = asyncio.create_task(rotation.serve_rotation())
        try:
            yield Trust(port, authentication, (service.handler(),) if limits.enabled else ())
        finally:
            task.cancel()
            port.close()


def _names(settings: Settings) -> tuple[str, ...]:
    """Names in the control plane's certificate. Source: certificate authority behaviour 1.11."""
    host = settings.addresses.secure_grpc.rpartition(":")[0].strip("[]")
    own = (*LOOPBACK_NAMES, host) if settings.is_file_mode else ()
    features = settings.features
    return host_names(features.system_namespace, features.revision, (*settings.certificates.custom_hosts, *own))
