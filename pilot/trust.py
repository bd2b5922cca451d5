"""What rests on the certificate authority: the secure port, who calls it, the service that signs.

In: settings, the mesh's configuration as it is at each moment, the cluster where there is one. Out: a `Trust` to wire
gRPC servers with. Puts the parts of `ca` together; decides nothing itself. Tasks of its own end with the context: those
of `signing`, `serving` and `callers`, and one that follows the mesh's trust domain.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

from ca.authn.client_certificate import spiffe_names
from ca.authn.connections import Connections
from ca.authn.grpc_call import GrpcAuthentication
from ca.authn.http_fetch import HttpFetch
from ca.authn.impersonation import NodeAuthorizer, Pods, parse_accounts
from ca.authn.local_issuer import utc_now
from ca.authority import Authority
from ca.errors import InvalidIdError
from ca.metrics import CaMetrics
from ca.registration import Registration
from ca.rollover.following import Followers
from ca.secure_port import SecurePort
from ca.service import CertificateService
from ca.serving import ServingCertificate
from ca.signing_process import SigningProcess
from ca.spiffe import TrustDomain, parse_trust_domain
from pilot import callers, registration, serving, signing
from pilot.callers import Callers, Clusters, Remotes
from pilot.kube_client import KubeClient
from pilot.model.mesh import MeshConfig
from pilot.registration import MeshRoots
from pilot.serving import Serving
from pilot.settings import Settings
from pilot.signing import Signing
from pilot.trust_bundle import TrustBundle

LOOK = 0.5
"""Seconds between two looks at the mesh's configuration; arbitrary."""

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class Trust:
    """The secure port and what a gRPC server behind it needs."""

    port: SecurePort | None
    """None where nobody issues a certificate for the control plane."""
    authentication: GrpcAuthentication
    handlers: tuple[grpc.GenericRpcHandler, ...]  # type: ignore[type-arg]  # not generic at run time
    """Of the certificate service, for the secure port; where there is none, for the plaintext one."""
    serving: Callable[[], ServingCertificate] | None
    """The control plane's certificate at this moment, for other ports that present it; None where there is none."""
    bundle: TrustBundle
    """Everything that the mesh trusts."""
    revocations: Callable[[], str]
    """PEM of the revocation lists of our CA at this moment; mostly empty."""
    followers: Followers | None
    """Agents that are told of it; None where there is no CA of our own."""
    signing: Signing | None = None
    """The CA of our own; None where somebody else signs."""


@contextlib.asynccontextmanager
async def establish(
    settings: Settings,
    mesh: Callable[[], MeshConfig],
    registry: CollectorRegistry,
    pods: Pods | None = None,
    client: KubeClient | None = None,
    remotes: Remotes = lambda _: None,
) -> AsyncIterator[Trust]:
    """The mesh's root, loaded or made, and everything on top of it; tasks of its own end with the context.

    `mesh`: its configuration now. `pods`: of our own cluster, for node proxies that ask for others. `client`: of our
    own cluster. `remotes`: clusters whose tokens are believed as well. Raises: CaError naming file and reason.
    """
    domain = parse_trust_domain(mesh().trust_domain)
    async with contextlib.AsyncExitStack() as undo:
        roots = MeshRoots(mesh)
        signs = await _signing(settings, domain, client)
        authority = signs.authority if signs is not None else None
        registrar = registration.choose(settings, client, roots)
        address = mesh().default_config.discovery_address or ""
        presented = await serving.choose(settings, authority, client, address, roots.of_signer, roots.of_registration)
        accepted = AcceptedDomains(domain)
        port = _secure_port(settings, presented, accepted, undo)
        clusters = Clusters(settings, client, pods, remotes) if client is not None else None
        known = await callers.known(settings, clusters, undo)
        connections = port.connections if port is not None else Connections()
        streams = GrpcAuthentication(known.chain(domain), connections)
        calls = GrpcAuthentication(known.ca_chain(domain), connections)
        tasks: list[Coroutine[Any, Any, Any]] = [*known.tasks]
        if presented is not None:
            tasks.append(presented.serve_rotation())
        followers = Followers(signs.authority, signs.ledger, calls) if signs is not None else None
        tasks += signs.tasks(followers) if signs is not None and followers is not None else ()
        handlers: tuple[grpc.GenericRpcHandler, ...] = ()  # type: ignore[type-arg]  # not generic at run time
        if settings.certificates.enabled:
            nodes = _nodes(settings, clusters.pods_of if clusters is not None else _own_pods(settings, pods))
            handlers = await _service(undo, signs, followers, calls, registry, nodes, registrar)
        tasks.append(_follow(mesh, accepted, known, (streams, calls)))
        fetch = HttpFetch()
        undo.push_async_callback(fetch.close)
        bundle = TrustBundle(mesh, authority, roots.of_registration, fetch)
        for each in tasks:
            undo.push_async_callback(_cancel, asyncio.create_task(each))
        shown = (lambda: presented.serving) if presented is not None else None
        revoked = (lambda: authority.bundle.revocations) if authority is not None else str
        yield Trust(port, streams, handlers, shown, bundle, revoked, followers, signs)


class AcceptedDomains:
    """The trust domains of client certificates: the one of the start for ever, since what it signed is in use, and the
    present one.
    """

    def __init__(self, first: TrustDomain) -> None:
        self.first = self.present = first

    def names(self, der: bytes) -> tuple[str, ...]:
        """The names in an acceptable certificate. Raises: CredentialError."""
        return spiffe_names(der, frozenset((self.first, self.present)), utc_now())


async def _signing(settings: Settings, domain: TrustDomain, client: KubeClient | None) -> Signing | None:
    """None where somebody else signs. Source: certificate authority behaviour 1.10."""
    if not settings.certificates.enabled or serving.is_kubernetes_signed(settings):
        return None
    return await signing.choose(settings, domain, client)


def _secure_port(
    settings: Settings, presented: Serving | None, accepted: AcceptedDomains, undo: contextlib.AsyncExitStack
) -> SecurePort | None:
    if presented is None:
        return None
    port = SecurePort(lambda: presented.context, accepted.names, settings.state_dir)
    undo.callback(port.close)
    return port


async def _service(
    undo: contextlib.AsyncExitStack,
    signs: Signing | None,
    followers: Followers | None,
    calls: GrpcAuthentication,
    registry: CollectorRegistry,
    nodes: NodeAuthorizer | None,
    registrar: Registration | None,
) -> tuple[grpc.GenericRpcHandler, ...]:  # type: ignore[type-arg]  # not generic at run time
    """The certificate service, and what agents follow roots by."""
    authority = signs.authority if signs is not None else Authority(None)
    metrics = CaMetrics(authority)
    registry.register(metrics)
    signer = await undo.enter_async_context(SigningProcess())
    ledger = signs.ledger if signs is not None else None
    service = CertificateService(authority, calls, metrics, signer, nodes, registrar, ledger)
    return (service.handler(), *((followers.handler(),) if followers is not None else ()))


async def _follow(
    mesh: Callable[[], MeshConfig],
    accepted: AcceptedDomains,
    known: Callers,
    authentications: tuple[GrpcAuthentication, GrpcAuthentication],
) -> None:
    """A trust domain that changes is that of whoever proves by token from then on. Never ends by itself."""
    seen = mesh().trust_domain
    while True:
        await asyncio.sleep(LOOK)
        wanted = mesh().trust_domain
        if wanted == seen:
            continue
        seen = wanted
        try:
            domain = parse_trust_domain(wanted)
        except InvalidIdError as error:
            _log.error(f"certificates stay in trust domain {accepted.present}: {error}")
            continue
        accepted.present = domain
        streams, calls = authentications
        streams.use(known.chain(domain))
        calls.use(known.ca_chain(domain))
        _log.info(f"certificates are issued in trust domain {domain} from now on")


def _own_pods(settings: Settings, pods: Pods | None) -> Callable[[str], Pods | None]:
    clusters = ("", settings.features.cluster_id, *settings.certificates.cluster_aliases)
    return lambda cluster: pods if cluster in clusters else None


def _nodes(settings: Settings, pods_of: Callable[[str], Pods | None]) -> NodeAuthorizer | None:
    trusted, bad = parse_accounts(settings.certificates.trusted_node_accounts)
    for text in bad:
        _log.warning(f"CA_TRUSTED_NODE_ACCOUNTS: {text!r}: expected namespace/serviceaccount; it is ignored")
    return NodeAuthorizer(trusted, pods_of) if trusted else None


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
