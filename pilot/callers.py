"""Who may call: the authenticators of this control plane, in istiod's order, as settings and surroundings say.

In: settings, clients of clusters, the trust domain. Out: `Callers`, which makes the chain for streams and the one for
the certificate service; another trust domain makes other chains. Puts parts of `ca.authn` together.
Source: certificate authority behaviour 1.2.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from ca.authn import local_issuer
from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.caller import Authenticator
from ca.authn.chain import Chain
from ca.authn.client_certificate import ClientCertificateAuthenticator
from ca.authn.forwarded import ForwardedCertificateAuthenticator
from ca.authn.http_fetch import HttpFetch
from ca.authn.impersonation import Pods
from ca.authn.key_sets import KeyCache
from ca.authn.kubernetes_token import Cluster, KubernetesTokenAuthenticator
from ca.authn.local_issuer import LocalIssuer, utc_now
from ca.authn.oidc import JwtRule, OidcAuthenticator
from ca.spiffe import TrustDomain
from pilot.cluster_keys import ClusterKeys
from pilot.kube_client import KubeClient
from pilot.settings import Settings

Remotes = Callable[[str], Cluster | None]
"""Remote clusters by their id."""


class Clusters:
    """Whom to ask about tokens, by the id that a call names: our own cluster, its aliases, remote ones."""

    def __init__(self, settings: Settings, client: KubeClient, pods: Pods | None, remotes: Remotes) -> None:
        self._own_id = settings.features.cluster_id
        self._alias_of = settings.certificates.alias_of
        self._client = client
        self._pods = pods
        self._remotes = remotes
        self.keys = ClusterKeys(client)

    def find(self, cluster_id: str) -> Cluster | None:
        """None where there is none of that id."""
        wanted = self._alias_of.get(cluster_id, cluster_id)
        if wanted in ("", self._own_id):
            return Cluster(self._client, self.keys.cache, self._pods)
        return self._remotes(wanted)

    def pods_of(self, cluster_id: str) -> Pods | None:
        """Where pods run in that cluster; None where that is not known."""
        found = self.find(cluster_id)
        return found.pods if found is not None else None


class Callers:
    """Made by `known`. `tasks` have to run beside it."""

    def __init__(self, settings: Settings, clusters: Clusters | None, issuer: LocalIssuer | None) -> None:
        self._settings = settings
        self._clusters = clusters
        self._issuer = issuer
        self._fetch: HttpFetch | None = None
        self.tasks: list[Coroutine[Any, Any, Any]] = [clusters.keys.serve()] if clusters else []
        limits = settings.certificates
        self._rule = (limits.jwt_rule, self._keys(limits.jwt_rule)) if limits.jwt_rule else None
        self._own_rule = (limits.own_rule, self._keys(limits.own_rule)) if limits.own_rule else None

    def chain(self, domain: TrustDomain) -> Chain:
        """Of streams."""
        return self._chain(self._authenticators(domain))

    def ca_chain(self, domain: TrustDomain) -> Chain:
        """Of the certificate service, which also believes the issuer of our own token, outside of a cluster."""
        found = self._authenticators(domain)
        if self._own_rule is not None:
            found.append(OidcAuthenticator(*self._own_rule, domain, utc_now))
        return self._chain(found)

    async def close(self) -> None:
        """Closes connections to issuers."""
        if self._fetch is not None:
            await self._fetch.close()

    def _chain(self, authenticators: list[Authenticator]) -> Chain:
        limits = self._settings.certificates
        return Chain(tuple(authenticators), limits.authenticate, limits.authenticate_plaintext)

    def _authenticators(self, domain: TrustDomain) -> list[Authenticator]:
        """In istiod's order; without Kubernetes the local issuer has its place."""
        limits = self._settings.certificates
        found: list[Authenticator] = [ClientCertificateAuthenticator()]
        if self._rule is not None:
            found.append(OidcAuthenticator(*self._rule, domain, utc_now))
        if self._clusters is not None:
            found.append(KubernetesTokenAuthenticator(self._clusters.find, domain, limits.audiences, utc_now))
        elif self._issuer is not None:
            own = (self._settings.features.cluster_id, *limits.cluster_aliases)
            found.append(LocalTokenAuthenticator(self._issuer, domain, limits.audiences, own))
        if limits.trusted_gateways:
            found.append(ForwardedCertificateAuthenticator(limits.trusted_gateways))
        return found

    def _keys(self, rule: JwtRule) -> KeyCache:
        self._fetch = self._fetch or HttpFetch()
        keys = KeyCache(rule.issuer, self._fetch, rule.keys_url)
        self.tasks.append(keys.serve_refresh())
        return keys


async def known(settings: Settings, clusters: Clusters | None, undo: contextlib.AsyncExitStack) -> Callers:
    """What settings say; its connections end with `undo`. Raises: StateError."""
    issuer = None if clusters else await asyncio.to_thread(local_issuer.load_or_create, settings.state_dir)
    callers = Callers(settings, clusters, issuer)
    undo.push_async_callback(callers.close)
    return callers
