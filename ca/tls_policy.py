"""Which TLS the control plane speaks: versions, cipher suites, curves, as flags and a compliance policy say.

Comes in: `--tls-cipher-suites` (Go's names, which are IANA's) and COMPLIANCE_POLICY. Goes out: a `TlsPolicy` that is
applied to a context. A policy that this build of OpenSSL cannot keep is an error: less than promised is worse than
nothing.

Source: CA behaviour 1.4; operations 6, 7.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from ca.errors import TlsPolicyError

_ECDHE = {
    f"TLS_ECDHE_{key}_WITH_{ours}": f"ECDHE-{key}-{theirs}"
    for key in ("ECDSA", "RSA")
    for ours, theirs in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA256", "AES128-SHA256"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
SUITES = {
    **_ECDHE,
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
"""OpenSSL's name of each suite of TLS 1.2 that may be chosen. (RC4 and 3DES may not.)"""
_TLS_1_3 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
_FIPS = tuple(
    f"TLS_ECDHE_{key}_WITH_AES_{size}" for key in ("ECDSA", "RSA") for size in ("128_GCM_SHA256", "256_GCM_SHA384")
)


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """For every TLS context of the control plane. `suites`: OpenSSL's names for TLS 1.2; empty: the library's."""

    suites: tuple[str, ...] = ()
    is_fips: bool = False

    def apply(self, context: ssl.SSLContext) -> None:
        """Limits a server's context."""
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.is_fips:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ecdh_curve("prime256v1")
        if self.suites:
            context.set_ciphers(":".join(self.suites))


def parse_policy(suites: Iterable[str] = (), compliance: str = "") -> tuple[TlsPolicy, tuple[str, ...]]:
    """The policy, and warnings. Raises: TlsPolicyError for a suite that is not known, and for `pqc` (see below)."""
    warnings: tuple[str, ...] = ()
    match compliance:
        case "":
            pass
        case "fips-140-2":
            return TlsPolicy(tuple(SUITES[each] for each in _FIPS), is_fips=True), ()
        case "pqc":
            # Python's ssl cannot name the one key exchange that this promises.
            raise TlsPolicyError(
                "COMPLIANCE_POLICY=pqc: this Python cannot limit TLS to the key exchange X25519MLKEM768"
            )
        case _:
            warnings = (f"COMPLIANCE_POLICY: expected fips-140-2 or pqc, got {compliance[:80]!r}; it has no effect",)
    chosen = list(suites)
    for each in chosen:
        if each not in SUITES and each not in _TLS_1_3:
            raise TlsPolicyError(f"--tls-cipher-suites: {each[:80]!r} is no cipher suite that is supported")
    return TlsPolicy(tuple(SUITES[each] for each in chosen if each in SUITES)), warnings
