"""Figures of the certificate service under istiod's names.

Comes in: one call for each event, on the event loop. Goes out: metric families for a Prometheus registry. A series
appears with its first event, as istiod's do. Names carry no `_total`: the page that prints them must not add it.

Source: operations 8.4; CA behaviour 1.13.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from ca.authority import Authority
from ca.bundle import Bundle, decode_certificates
from ca.errors import NotReadyError, SigningError

_REQUESTS = "citadel_server_csr_count"
_ISSUED = "citadel_server_success_cert_issuance_count"
_REFUSED = "citadel_server_authentication_failure_count"
_PARSING = "citadel_server_csr_parsing_err_count"
_SIGNING = "citadel_server_csr_sign_err_count"

_HELP = {
    _REQUESTS: "Certificate requests received.",
    _ISSUED: "Certificates issued.",
    _REFUSED: "Requests whose caller could not prove who it is, or may not ask for another.",
    _PARSING: "Requests that were no certificate request message.",
    _SIGNING: "Requests that were not signed, by kind of error.",
}


class Events(Protocol):
    """What the certificate service tells of itself."""

    def requested(self) -> None: ...

    def issued(self) -> None: ...

    def refused(self) -> None: ...

    def unreadable(self) -> None: ...

    def failed(self, error: SigningError) -> None: ...


class CaMetrics(Collector):
    """Counts events, and reads the expiry of the certificates in force when it is asked."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._counts: Counter[tuple[str, str]] = Counter()

    def requested(self) -> None:
        """A request arrived."""
        self._counts[_REQUESTS, ""] += 1

    def issued(self) -> None:
        """A certificate left."""
        self._counts[_ISSUED, ""] += 1

    def refused(self) -> None:
        """Nobody vouched for the caller."""
        self._counts[_REFUSED, ""] += 1

    def unreadable(self) -> None:
        """The message could not be decoded."""
        self._counts[_PARSING, ""] += 1

    def failed(self, error: SigningError) -> None:
        """No certificate, for a reason that has a kind."""
        self._counts[_SIGNING, error.kind] += 1

    def collect(self) -> Iterator[Metric]:
        """Counters by name, then the gauges of expiry."""
        families: dict[str, Metric] = {}
        for (name, kind), count in sorted(self._counts.items()):
            family = families.setdefault(name, Metric(name, _HELP[name], "counter"))
            family.add_sample(name, {"error": kind} if kind else {}, count)
        yield from families.values()
        try:
            bundle = self._authority.bundle
        except NotReadyError:
            return
        yield from _expiries(bundle, self._authority.clock().timestamp())


def _expiries(bundle: Bundle, now: float) -> Iterator[Metric]:
    roots = min(each.not_valid_after_utc.timestamp() for each in bundle.root_certificates)
    yield from _expiry("root_cert", "root certificate", roots, now)
    if bundle.chain:
        chain = decode_certificates("".join(bundle.chain).encode(), "certificate chain")
        yield from _expiry(
            "cert_chain", "certificate chain", min(each.not_valid_after_utc.timestamp() for each in chain), now
        )


def _expiry(name: str, what: str, at: float, now: float) -> Iterator[Metric]:
    for unit, help_text, value in (
        ("timestamp", f"When the {what} expires, in seconds of Unix time.", at),
        ("seconds", f"Seconds until the {what} expires; negative when it has.", at - now),
    ):
        family = Metric(f"citadel_server_{name}_expiry_{unit}", help_text, "gauge")
        family.add_sample(family.name, {}, value)
        yield family
