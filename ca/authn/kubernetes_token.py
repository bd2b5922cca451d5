"""Callers by a token that Kubernetes made for a service account (mostly: projected into a pod).

Comes in: a `Call` with a bearer token, perhaps the id of the cluster it is from. Goes out: a `Caller` with one SPIFFE
id of the mesh's own trust domain, and the pod that the token is bound to.

Where the cluster's keys are known, a token is verified here: most garbage ends without a call. Whether the pod that it
is bound to still exists is answered by the cluster's watched pods, where those are known and have it. Everything else
is the API server's to review. What was found is remembered by the token's hash until it expires, at most ten minutes:
so long a token of a deleted pod may go on being believed. (istiod asks for a review at each call.)

Source: CA behaviour 1.2 "Kubernetes JWT".
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ca.authn import signed_token
from ca.authn.caller import BoundPod, Call, Caller
from ca.authn.impersonation import Pods
from ca.authn.key_sets import KeyCache
from ca.authn.oidc import bound_pod
from ca.authn.verified import VerifiedTokens
from ca.errors import CredentialError, KubernetesError
from ca.kubernetes_api import KubernetesApi
from ca.spiffe import TrustDomain

LONGEST = timedelta(minutes=10)
REVIEW_SECONDS = 10.0
MAX_REVIEWS = 32
"""At a time; more callers wait their turn."""
_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCOUNTS = "system:serviceaccounts"
_POD_NAME, _POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Whom to ask about the tokens of one cluster."""

    api: KubernetesApi
    keys: KeyCache | None = None
    """Of its issuer, where that is known; without it every new token is reviewed."""
    pods: Pods | None = None
    """That run there, where they are watched."""


class KubernetesTokenAuthenticator:
    """Believes tokens of the clusters it knows."""

    name = "KubeJWTAuthenticator"

    def __init__(
        self,
        clusters: Callable[[str], Cluster | None],
        trust_domain: TrustDomain,
        audiences: tuple[str, ...],
        clock: Callable[[], datetime],
    ) -> None:
        """`clusters`: by id (or alias), empty is our own; None where there is none of that id. `audiences`: any of
        them will do.
        """
        self._clusters = clusters
        self._trust_domain = trust_domain
        self._audiences = audiences
        self._clock = clock
        self._verified = VerifiedTokens(LONGEST)
        self._turns = asyncio.Semaphore(MAX_REVIEWS)

    async def authenticate(self, call: Call) -> Caller:
        """One identity. Raises: CredentialError."""
        if call.bearer is None:
            raise CredentialError("no bearer token")
        cluster = self._clusters(call.cluster_id)
        if cluster is None:
            raise CredentialError(f"cluster {call.cluster_id[:80]!r} is not known")
        token, now = call.bearer.reveal(), self._clock()
        known = self._verified.find(token, call.cluster_id, now)
        if known is not None:
            return known
        signed_token.decode_header(token)  # what is no token at all is not worth a call
        caller = await self._verify_here(cluster, token, now) or await self._review(cluster, token)
        self._verified.remember(token, call.cluster_id, caller, signed_token.unproven_expiry(token), now)
        return caller

    async def _verify_here(self, cluster: Cluster, token: str, now: datetime) -> Caller | None:
        """None where a review has to decide. Raises: CredentialError for what no review would accept."""
        keys = cluster.keys
        if keys is None or signed_token.unproven_issuer(token) != keys.issuer:
            return None
        try:
            key = await keys.find(signed_token.decode_header(token).key_id)
        except CredentialError:
            return None
        claims = signed_token.verify(token, key, issuer=keys.issuer, audiences=self._audiences, now=now)
        who = signed_token.parse_subject(claims["sub"], self._trust_domain)
        pod = bound_pod(claims, who)
        if pod is None or cluster.pods is None:
            return None
        found = cluster.pods.find(pod.namespace, pod.name)
        if found is None or found.uid != pod.uid or found.service_account != pod.service_account:
            return None  # gone, or so new that the watch has not told us
        return Caller((str(who),), self.name, pod)

    async def _review(self, cluster: Cluster, token: str) -> Caller:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": list(self._audiences)},
        }
        try:
            async with self._turns, asyncio.timeout(REVIEW_SECONDS):
                answer = await cluster.api.call("POST", _REVIEWS, body)
        except KubernetesError as error:
            raise CredentialError(f"token cannot be reviewed: {error}") from error
        except TimeoutError as error:
            raise CredentialError(f"token cannot be reviewed: no answer in {REVIEW_SECONDS} s") from error
        return self._caller_of(answer)

    def _caller_of(self, answer: Any) -> Caller:
        match answer:
            case {"status": {"error": str(why)}} if why:
                raise CredentialError(f"token refused by the API server: {why[:200]}")
            case {"status": {"authenticated": True, "audiences": list(audiences), "user": dict(user)}}:
                pass
            case {"status": {"authenticated": True}}:
                # An API server that knows no audiences says nothing of them: then any token would do.
                raise CredentialError("token refused: the API server did not check its audience")
            case _:
                raise CredentialError("token refused by the API server")
        if not set(audiences) & set(self._audiences):
            raise CredentialError("token refused: it is for another audience")
        if _ACCOUNTS not in (user.get("groups") or ()):
            raise CredentialError(f"token refused: its user is not in group {_ACCOUNTS}")
        who = signed_token.parse_subject(str(user.get("username", "")), self._trust_domain)
        name, uid = _first(user, _POD_NAME), _first(user, _POD_UID)
        pod = BoundPod(who.namespace, who.service_account, name, uid) if name and uid else None
        return Caller((str(who),), self.name, pod)


def _first(user: Mapping[str, Any], key: str) -> str:
    match user.get("extra"):
        case {**extra}:
            match extra.get(key):
                case [str(value), *_]:
                    return value
    return ""
