"""Figures of what sources tell: events by kind, and what it cost to take them over.

In: batches, as the feed takes them. Out: metric families under istiod's names. Source: operations 8.1, 8.3.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pilot.model.kubernetes import EndpointSlice, Pod
from pilot.model.object_store import ObjectStore
from pilot.model.objects import Event
from pilot.xds.histogram import Histogram

_SECONDS: Final = (0.01, 0.1, 0.5, 1, 3, 5)
_REGISTRY: Final = {
    "Service": "Services",
    "EndpointSlice": "EndpointSlice",
    "Endpoints": "Endpoints",
    "Pod": "Pods",
    "Node": "Nodes",
    "Namespace": "Namespaces",
}
"""Kinds of which services are made, by istiod's names for them."""
_UPDATES: Final = {"EndpointSlice": "eds", "Endpoints": "eds", "Service": "svc"}
_SILENT: Final = frozenset(
    ("Pod", "Node", "Namespace", "Secret", "ConfigMap", "ServiceAccount", "KeySet", "HostAddresses")
)
"""Kinds that are no configuration by themselves."""


class FeedMetrics(Collector):
    """Counts. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._updates: Counter[str] = Counter()
        self._events: Counter[tuple[str, str, str]] = Counter()
        self._early = 0
        """Endpoints that came before their pod."""
        self._built = Histogram("pilot_pushcontext_init_seconds", "Seconds to make a snapshot.", _SECONDS)
        registry.register(self)

    def took(self, events: Iterable[Event], before: ObjectStore, *, from_cluster: bool) -> None:
        """A batch; `before`: what was known until now."""
        events = tuple(events)
        if from_cluster:
            self._early += _early(events, before)
        for each in events:
            kind, namespace, name = each.key.kind, each.key.namespace, each.key.name
            update = _UPDATES.get(kind) or ("config" if kind not in _SILENT else "")
            if update:
                self._updates["svcdelete" if update == "svc" and each.object is None else update] += 1
            if from_cluster:
                known = name in before.kinds.get(kind, {}).get(namespace, ())
                what = "delete" if each.object is None else "update" if known else "add"
                family = "pilot_k8s_reg_events" if kind in _REGISTRY else "pilot_k8s_cfg_events"
                self._events[family, _REGISTRY.get(kind, kind), what] += 1

    def built(self, seconds: float) -> None:
        """A snapshot was made."""
        self._built.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Everything so far."""
        updates = Metric("pilot_inbound_updates", "Changes that came in, by what they are about.", "counter")
        for kind, count in sorted(self._updates.items()):
            updates.add_sample(updates.name, {"type": kind}, count)
        yield updates
        for name in ("pilot_k8s_reg_events", "pilot_k8s_cfg_events"):
            family = Metric(name, "Events of watches of clusters.", "counter")
            for (its, kind, what), count in sorted(self._events.items()):
                if its == name:
                    family.add_sample(name, {"type": kind, "event": what}, count)
            yield family
        early = Metric("pilot_k8s_endpoints_with_no_pods", "Endpoints that came before their pod.", "counter")
        early.add_sample(early.name, {}, self._early)
        yield early
        yield self._built.family()


def _early(events: tuple[Event, ...], before: ObjectStore) -> int:
    """Endpoints of a batch whose pods neither it nor what was known has."""
    slices = [each.object for each in events if isinstance(each.object, EndpointSlice)]
    if not slices:
        return 0
    here = {(each.key.namespace, each.key.name) for each in events if each.key.kind == Pod.KIND}
    known = before.kinds.get(Pod.KIND, {})
    return sum(
        1
        for each in slices
        for endpoint in each.endpoints
        if (ref := endpoint.target_ref) is not None
        and ref.kind == Pod.KIND
        and ref.name not in known.get(ref.namespace or each.namespace, ())
        and (ref.namespace or each.namespace, ref.name) not in here
    )
