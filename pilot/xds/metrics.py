"""Figures of the xDS server under istiod's names.

Comes in: one call for each event, on the event loop. Goes out: metric families, through the registry it is given.
A series appears with its first event, as istiod's do. Counters carry no `_total`: the names are istiod's, dashboards
know them. Source: operations 8.1.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import grpc
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pilot.type_urls import SHORT_NAMES, WORKLOAD, TypeUrl
from pilot.xds.histogram import Histogram

_STREAMS = "pilot_xds"
_PUSHES = "pilot_xds_pushes"
_REJECTS = "pilot_total_xds_rejects"
_STALE = "pilot_xds_expired_nonce"
_ERRORS = "pilot_total_xds_internal_errors"
_TRIGGERS = "pilot_push_triggers"
_LARGEST = "pilot_xds_recv_max"

_FAMILIES = {
    _STREAMS: ("gauge", "version", "Connected proxies, by their version."),
    _PUSHES: ("counter", "type", "Responses sent, and (name_senderr) those that could not be, by type."),
    _REJECTS: ("counter", "type", "Responses that a proxy refused, by type."),
    _STALE: ("counter", "type", "Requests that spoke of a response that was no longer the last one, by type."),
    _ERRORS: ("counter", "", "Failures inside the server."),
    _TRIGGERS: ("counter", "type", "What made us push, by reason."),
    _LARGEST: ("gauge", "", "The largest request so far, in bytes."),
}

_OTHER = "other"
_REFUSED = ("cds", "eds", "lds", "rds")
_SECONDS = (0.01, 0.1, 1, 3, 5, 10, 20, 30)
_QUEUE_SECONDS = (0.1, 0.5, 1, 3, 5, 10, 20, 30)
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
_BYTES = (1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000)


class XdsMetrics(Collector):
    """Counts what the server does. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._refused: dict[str, Counter[tuple[str, str]]] = {}
        """By connection that is open now: type and code."""
        self._largest = 0
        self._push_time = Histogram("pilot_xds_push_time", "Seconds to make and send one type.", _SECONDS, "type")
        self._send_time = Histogram("pilot_xds_send_time", "Seconds to send a response.", _SECONDS)
        self._size = Histogram("pilot_xds_config_size_bytes", "Sizes of responses.", _BYTES, "type")
        self._debounce = Histogram("pilot_debounce_time", "Seconds from the first event to the push.", _SECONDS)
        self._queue = Histogram("pilot_proxy_queue_time", "Seconds a stream waited for its turn.", _QUEUE_SECONDS)
        self._convergence = Histogram(
            "pilot_proxy_convergence_time", "Seconds from a change until one proxy was sent all.", _QUEUE_SECONDS
        )
        self._lag = Histogram("meshpilot_event_loop_lag_seconds", "How late the event loop was.", _LAG_SECONDS)
        registry.register(self)

    def connected(self, version: str) -> None:
        """A stream is there."""
        self._counts[_STREAMS, version] += 1

    def disconnected(self, version: str) -> None:
        """A stream is gone."""
        self._counts[_STREAMS, version] -= 1

    def received(self, size: int) -> None:
        """A request of so many bytes."""
        if size > self._largest:
            self._largest = self._counts[_LARGEST, ""] = size

    def rejected(self, type_url: TypeUrl, connection: str, code: int) -> None:
        """A proxy refused a response; `code`: gRPC's."""
        label = _label(type_url)
        self._counts[_REJECTS, label] += 1
        if label in _REFUSED:
            self._refused.setdefault(connection, Counter())[label, code_name(code)] += 1

    def forget(self, connection: str) -> None:
        """What it refused is told no longer."""
        self._refused.pop(connection, None)

    def stale(self, type_url: TypeUrl) -> None:
        """A request spoke of an old response."""
        self._counts[_STALE, _label(type_url)] += 1

    def failed(self) -> None:
        """Something that should not happen."""
        self._counts[_ERRORS, ""] += 1

    def unsent(self, type_url: TypeUrl) -> None:
        """A response could not be sent."""
        self._counts[_PUSHES, f"{_label(type_url)}_senderr"] += 1

    def sent(self, type_url: TypeUrl, size: int, made: float, sending: float) -> None:
        """A response of `size` bytes: seconds to make it, seconds to send it."""
        label = _LABELS.get(type_url, _OTHER)
        self._counts[_PUSHES, label] += 1
        self._push_time.observe(made + sending, label)
        self._send_time.observe(sending)
        self._size.observe(size, type_url if type_url in SHORT_NAMES else _OTHER)

    def triggered(self, reasons: Sequence[str], debounced: float) -> None:
        """A push begins, so many seconds after its first event."""
        self._debounce.observe(debounced)
        for reason in reasons:
            self._counts[_TRIGGERS, reason] += 1

    def waited(self, seconds: float) -> None:
        """A stream had to wait for its turn."""
        self._queue.observe(seconds)

    def converged(self, seconds: float) -> None:
        """A proxy was sent all that a change means for it."""
        self._convergence.observe(seconds)

    def lagged(self, seconds: float) -> None:
        """The event loop came so much later than it was asked to."""
        self._lag.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """What was counted, family by family."""
        families: dict[str, Metric] = {}
        for (name, value), count in sorted(self._counts.items()):
            kind, label, text = _FAMILIES[name]
            family = families.setdefault(name, Metric(name, text, kind))
            family.add_sample(name, {label: value} if label else {}, count)
        yield from families.values()
        yield from self._refusals()
        for histogram in (
            *(self._push_time, self._send_time, self._size, self._debounce),
            *(self._queue, self._convergence, self._lag),
        ):
            yield histogram.family()

    def _refusals(self) -> Iterator[Metric]:
        """By proxy, as long as it is connected."""
        found: Counter[tuple[str, str, str]] = Counter()
        for connection, refused in self._refused.items():
            node = connection.rpartition("-")[0]
            for (label, code), count in refused.items():
                found[label, node, code] += count
        for label in _REFUSED:
            family = Metric(f"pilot_xds_{label}_reject", "Responses that connected proxies refused.", "gauge")
            for (its, node, code), count in sorted(found.items()):
                if its == label:
                    family.add_sample(family.name, {"node": node, "err": code}, count)
            if family.samples:
                yield family


def code_name(code: int) -> str:
    """As Go writes gRPC's codes: `InvalidArgument`."""
    name = next((each.name for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")
    return {"OK": "OK", "CANCELLED": "Canceled"}.get(name, name.title().replace("_", ""))


_LABELS = {type_url: name.lower() for type_url, name in SHORT_NAMES.items()} | {WORKLOAD: "wds"}


def _label(type_url: TypeUrl) -> str:
    """A client can ask for any type it invents; it cannot make us remember each."""
    return _LABELS.get(type_url, _OTHER)
