"""What rests on the certificate authority: the secure port, who calls it, the service that signs.

In: settings. Out: a `Trust` to wire a gRPC server with. Puts the parts of `ca` together; decides nothing itself.
Tasks of its own, which end with the context: renewal of the control plane's certificate, what `signing` wants to be
run, refresh of an issuer's keys.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass

import grpc
from prometheus_client import CollectorRegistry

from ca.authn import local_issuer
from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.caller import Authenticator
from ca.authn.chain import Chain
from ca.authn.client_certificate import ClientCertificateAuthenticator, spiffe_names
from ca.authn.forwarded import ForwardedCertificateAuthenticator
from ca.authn.grpc_call import GrpcAuthentication
from ca.authn.http_fetch import HttpFetch
from ca.authn.impersonation import NodeAuthorizer, Pods, parse_accounts
from ca.authn.key_sets import KeyCache
from ca.authn.oidc import JwtRule, OidcAuthenticator
from ca.authority import Authority
from ca.metrics import CaMetrics
from ca.rollover.following import Followers
from ca.rotation import ServingRotation
from ca.secure_port import SecurePort
from ca.service import CertificateService
from ca.serving import ServingCertificate, host_names
from ca.serving_files import ServingFiles
from ca.signing_process import SigningProcess
from ca.spiffe import TrustDomain, parse_trust_domain
from pilot.settings import Certificates, Settings
from pilot.signing import choose

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""A mesh without Kubernetes is called by address; these are always right."""

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class Trust:
    """The secure port and what a gRPC server behind it needs."""

    port: SecurePort
    serving: Callable[[], ServingCertificate]
    """The control plane's own certificate, now."""
    authentication: GrpcAuthentication
    handlers: tuple[grpc.GenericRpcHandler, ...]  # type: ignore[type-arg]  # not generic at run time


@contextlib.asynccontextmanager
async def establish(
    settings: Settings, trust_domain: str, registry: CollectorRegistry, pods: Pods | None = None
) -> AsyncIterator[Trust]:
    """The mesh's root, loaded or made, and everything on top of it; tasks of its own end with the context.

    `pods`: of our own cluster, for node proxies that ask for others. Raises: CaError naming file and reason.
    """
    domain, limits = parse_trust_domain(trust_domain), settings.certificates
    async with contextlib.AsyncExitStack() as undo:
        signing = await choose(settings, domain)
        authority = signing.authority
        rotation = await asyncio.to_thread(_serving, settings, authority)
        port = SecurePort(
            lambda: rotation.context, lambda der: spiffe_names(der, domain, authority.clock()), settings.state_dir
        )
        undo.callback(port.close)
        tasks = [rotation.serve_rotation()]
        chain = Chain(
            await _authenticators(settings, domain, undo, tasks), limits.authenticate, limits.authenticate_plaintext
        )
        authentication = GrpcAuthentication(chain, port.connections)
        metrics = CaMetrics(authority)
        registry.register(metrics)
        signer = await undo.enter_async_context(SigningProcess())
        followers = Followers(authority, signing.ledger, authentication)
        service = CertificateService(
            authority, authentication, metrics, signer, _nodes(settings, pods), ledger=signing.ledger
        )
        tasks += signing.tasks(followers)
        for each in tasks:
            undo.push_async_callback(_cancel, asyncio.create_task(each))
        handlers = (service.handler(), followers.handler()) if limits.enabled else ()
        yield Trust(port, lambda: rotation.serving, authentication, handlers)


async def _authenticators(
    settings: Settings,
    domain: TrustDomain,
    undo: contextlib.AsyncExitStack,
    tasks: list[Coroutine[None, None, None]],
) -> tuple[Authenticator, ...]:
    """In istiod's order; the local issuer has the place of Kubernetes."""
    limits, clock = settings.certificates, local_issuer.utc_now
    found: list[Authenticator] = [ClientCertificateAuthenticator()]
    if limits.jwt_rule is not None:
        found.append(OidcAuthenticator(limits.jwt_rule, _keys(limits.jwt_rule, undo, tasks), domain, clock))
    issuer = await asyncio.to_thread(local_issuer.load_or_create, settings.state_dir)
    clusters = (settings.features.cluster_id, *limits.cluster_aliases)
    found.append(LocalTokenAuthenticator(issuer, domain, limits.audiences, clusters))
    if limits.trusted_gateways:
        found.append(ForwardedCertificateAuthenticator(limits.trusted_gateways))
    return tuple(found)


def _keys(rule: JwtRule, undo: contextlib.AsyncExitStack, tasks: list[Coroutine[None, None, None]]) -> KeyCache:
    fetch = HttpFetch()
    undo.push_async_callback(fetch.close)
    keys = KeyCache(rule.issuer, fetch, rule.keys_url)
    tasks.append(keys.serve_refresh())
    return keys


def _nodes(settings: Settings, pods: Pods | None) -> NodeAuthorizer | None:
    limits: Certificates = settings.certificates
    trusted, bad = parse_accounts(limits.trusted_node_accounts)
    for text in bad:
        _log.warning(f"CA_TRUSTED_NODE_ACCOUNTS: {text!r}: expected namespace/serviceaccount; it is ignored")
    if not trusted:
        return None
    clusters = ("", settings.features.cluster_id, *limits.cluster_aliases)
    return NodeAuthorizer(trusted, lambda cluster: pods if cluster in clusters else None)


def _serving(settings: Settings, authority: Authority) -> ServingRotation | ServingFiles:
    """The control plane's own certificate: from files where there are some, else signed by our CA."""
    files = settings.certificates.serving_files
    return ServingFiles(files) if files is not None else ServingRotation(authority, _names(settings))


def _names(settings: Settings) -> tuple[str, ...]:
    """Names in the control plane's certificate. Source: certificate authority behaviour 1.11."""
    host = settings.addresses.secure_grpc.rpartition(":")[0].strip("[]")
    own = (*LOOPBACK_NAMES, host) if settings.is_file_mode else ()
    features = settings.features
    return host_names(features.system_namespace, features.revision, (*settings.certificates.custom_hosts, *own))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
