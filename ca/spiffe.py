"""SPIFFE ids as the mesh uses them: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.

Text comes in, values go out and print themselves back unchanged. Does not decide who may use an id.

Source: CA behaviour 1.5; the SPIFFE-ID standard 2 (characters, lengths, no ports, no queries).
"""

import re
from dataclasses import dataclass

from ca.errors import InvalidIdError

_SCHEME = "spiffe://"
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST = 2048
"""Bytes in a SPIFFE id that every implementation must accept; the standard forbids longer ones to be issued."""


@dataclass(frozen=True, slots=True)
class TrustDomain:
    """The name of a mesh's root of trust, e.g. `cluster.local`."""

    name: str

    def __post_init__(self) -> None:
        if not _TRUST_DOMAIN.fullmatch(self.name):
            raise InvalidIdError(
                f"trust domain {self.name[:80]!r}: expected lower-case letters, digits, '.', '-' and '_'"
            )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """Who a workload is."""

    trust_domain: TrustDomain
    namespace: str
    service_account: str

    def __post_init__(self) -> None:
        for what, text in (("namespace", self.namespace), ("service account", self.service_account)):
            if not _SEGMENT.fullmatch(text) or text in (".", ".."):
                raise InvalidIdError(f"{what} {text[:80]!r}: expected letters, digits, '.', '-' and '_'")
        if len(str(self)) > _LONGEST:
            raise InvalidIdError(f"spiffe id is {len(str(self))} bytes long, expected at most {_LONGEST}")

    def __str__(self) -> str:
        return f"{_SCHEME}{self.trust_domain.name}/ns/{self.namespace}/sa/{self.service_account}"


def parse_trust_domain(text: str) -> TrustDomain:
    """A trust domain as mesh configuration spells it: `@` (from account-like names) counts as `.`.

    Raises: InvalidIdError. Source: CA behaviour 1.5.
    """
    return TrustDomain(text.replace("@", "."))


def parse_spiffe_id(text: str) -> SpiffeId:
    """Reads an id strictly: exactly five pieces, no port, query, fragment, percent-encoding or empty piece.

    Raises: InvalidIdError.
    """
    if not text.startswith(_SCHEME):
        raise InvalidIdError(f"spiffe id {text[:80]!r}: expected it to begin with {_SCHEME}")
    match text[len(_SCHEME) :].split("/"):
        case [trust_domain, "ns", namespace, "sa", service_account]:
            return SpiffeId(TrustDomain(trust_domain), namespace, service_account)
        case _:
            raise InvalidIdError(
                f"spiffe id {text[:80]!r}: expected {_SCHEME}<trust domain>/ns/<namespace>/sa/<service account>"
            )
