"""Callers by a token of the local issuer.

Comes in: a `Call` with a bearer token. Goes out: a `Caller` with one SPIFFE id of the mesh's own trust domain.

Source: spec/ca-webhook-kube.md 1.2 "Kubernetes JWT" (audiences, cluster ids, the identity's trust domain).
"""

from collections.abc import Collection

from ca.authn.caller import Call, Caller
from ca.authn.local_issuer import AUDIENCE, LocalIssuer
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
    ) -> None:
        """`cluster_ids`: our own and its aliases; a call that names another is refused, as by istiod."""
        self._issuer = issuer
        self._trust_domain = trust_domain
        self._audiences = tuple(audiences)
        self._cluster_ids = frozenset(cluster_ids)

    async def authenticate(self, call: Call) -> Caller:
        """One identity. Raises: CredentialError."""
        if call.bearer is None:
            raise CredentialError("no bearer token")
        if call.cluster_id and call.cluster_id not in self._cluster_ids:
            known = ", ".join(sorted(self._cluster_ids))
            raise CredentialError(f"cluster {call.cluster_id[:80]!r}: expected one of {known}")
        who = self._issuer.verify(call.bearer.reveal(), self._audiences, self._trust_domain)
        return Caller((str(who),), self.name)
