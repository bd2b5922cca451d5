"""Callers by a token of the local issuer.

Comes in: a `Call` with a bearer token. Goes out: a `Caller` with one SPIFFE id of the mesh's own trust domain.

Source: CA behaviour 1.2 "Kubernetes JWT" (audiences, cluster ids, the identity's trust domain).
"""

from collections.abc import Callable, Collection
from datetime import datetime

from ca.authn import signed_token
from ca.authn.caller import Call, Caller
from ca.authn.local_issuer import AUDIENCE, LocalIssuer, utc_now
from ca.authn.oidc import bound_pod
from ca.authn.verified import VerifiedTokens
from ca.errors import CredentialError
from ca.spiffe import TrustDomain


class LocalTokenAuthenticator:
    """Believes the tokens of one `LocalIssuer`, for callers of the clusters it speaks for."""

    name = "LocalTokenAuthenticator"

    def __init__(
        self,
        issuer: LocalIssuer,
        trust_domain: TrustDomain,
        audiences: Collection[str] = (AUDIENCE,),
        cluster_ids: Collection[str] = ("Kubernetes",),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`cluster_ids`: our own and its aliases; a call that names another is refused, as by istiod."""
        self._issuer = issuer
        self._trust_domain = trust_domain
        self._audiences = tuple(audiences)
        self._cluster_ids = frozenset(cluster_ids)
        self._clock = clock
        self._verified = VerifiedTokens()

    async def authenticate(self, call: Call) -> Caller:
        """One identity. Raises: CredentialError."""
        if call.bearer is None:
            raise CredentialError("no bearer token")
        if call.cluster_id and call.cluster_id not in self._cluster_ids:
            ours = ", ".join(sorted(self._cluster_ids))
            raise CredentialError(f"cluster {call.cluster_id[:80]!r}: expected one of {ours}")
        token, now = call.bearer.reveal(), self._clock()
        known = self._verified.find(token, "", now)
        if known is not None:
            return known
        claims = self._issuer.claims(token, self._audiences)
        who = signed_token.parse_subject(claims["sub"], self._trust_domain)
        caller = Caller((str(who),), self.name, bound_pod(claims, who))
        self._verified.remember(token, "", caller, claims["exp"], now)
        return caller
