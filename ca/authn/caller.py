"""The words between a call and who made it: `Call` comes in, `Caller` goes out, an `Authenticator` is what turns one
into the other. No I/O here, and nothing of gRPC: the adapter is `ca.authn.grpc_call`.

Source: CA behaviour 1.2.
"""

from dataclasses import dataclass
from typing import Protocol

from ca.secret import Secret


@dataclass(frozen=True, slots=True)
class Call:
    """What a call says about its caller, before anybody believed it (but for the certificate, which TLS verified)."""

    peer: str
    """Where it came from, for logs."""
    is_secure: bool
    """It came over TLS."""
    certificate_names: tuple[str, ...] = ()
    """Every subject alternative name of the verified client certificate; empty where none was shown."""
    bearer: Secret[str] | None = None
    """The token of the `authorization` header, when that begins with `Bearer `."""
    cluster_id: str = ""
    """The `clusterid` header; empty when it is missing or there is more than one."""
    forwarded: str = ""
    """The first `x-forwarded-client-cert` header: what a proxy before us says of its client's certificate."""


@dataclass(frozen=True, slots=True)
class BoundPod:
    """The pod that a token was made for, and its account."""

    namespace: str
    service_account: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: at least one identity, mostly `spiffe://…`, and the name of the authenticator that says so."""

    identities: tuple[str, ...]
    authenticator: str
    pod: BoundPod | None = None
    """Known of some tokens; asking for others' certificates needs it."""


class Authenticator(Protocol):
    """One way to prove who one is."""

    name: str
    """Istiod's name for it, for logs."""

    async def authenticate(self, call: Call) -> Caller:
        """Who is calling. Raises: CredentialError where the credential is missing or not good; says why."""
        ...
