"""WorkloadEntries that proxies make by connecting, or that they say they are, as pure functions.

In: a WorkloadGroup, a proxy that names it, the time. Out: the entry, and what becomes of it when the proxy comes back,
goes, or says how it is. Source: Kubernetes controllers behaviour 8.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from pilot.model.locality import LOCALITY
from pilot.model.objects import Metadata, OwnerReference
from pilot.model.workload_entry import StatusCondition, WorkloadEntry, WorkloadEntrySpec, WorkloadEntryStatus
from pilot.model.workload_group import GroupMetadata, WorkloadGroup
from pilot.view.proxy import Proxy

GROUP: Final = "istio.io/autoRegistrationGroup"
CONTROLLER: Final = "istio.io/workloadController"
CONNECTED: Final = "istio.io/connectedAt"
DISCONNECTED: Final = "istio.io/disconnectedAt"
OWN: Final = (CONTROLLER, CONNECTED, DISCONNECTED)
"""What we say of the proxy of an entry, in its annotations."""
HEALTH_CHECKED: Final = "proxy.istio.io/health-checks-enabled"
HEALTHY: Final = "Healthy"
_LONGEST_NAME: Final = 253


def group_of(proxy: Proxy) -> str:
    """The WorkloadGroup that a proxy says it belongs to; empty: none."""
    return str(proxy.raw_metadata.get("AUTO_REGISTER_GROUP") or "")


def named_entry_of(proxy: Proxy) -> str:
    """The WorkloadEntry that a proxy says it is; empty: none."""
    return str(proxy.raw_metadata.get("WORKLOAD_ENTRY") or "")


def entry_name(proxy: Proxy) -> str:
    """The name of the entry of a proxy that registers itself: its end, where it is too long."""
    name = f"{group_of(proxy)}-{proxy.ip_addresses[0].replace(':', '-')}"
    if proxy.traits.network:
        name += f"-{proxy.traits.network}"
    return name[-_LONGEST_NAME:]


def create(group: WorkloadGroup, proxy: Proxy, now: datetime, controller: str) -> WorkloadEntry:
    """The entry of a proxy that connects for the first time."""
    declared = group.spec.metadata or GroupMetadata()
    template = group.spec.template or WorkloadEntrySpec()
    own = {key: value for key, value in proxy.labels.items() if key != LOCALITY}
    labels = {**template.labels, **declared.labels, **own}
    annotations = {**declared.annotations, GROUP: group.name}
    if proxy.proxy_config.get("readinessProbe"):
        annotations[HEALTH_CHECKED] = "true"
    spec = replace(
        template,
        address=proxy.ip_addresses[0],
        labels=labels,
        network=proxy.traits.network or template.network,
        locality=proxy.locality or template.locality,
    )
    owner = OwnerReference("networking.istio.io/v1", WorkloadGroup.KIND, group.name, controller=True)
    metadata = Metadata(
        name=entry_name(proxy),
        namespace=group.namespace,
        labels=labels,
        annotations=annotations,
        creation_timestamp=_stamp(now, "seconds"),
        owner_references=(owner,),
    )
    return connect(WorkloadEntry(metadata=metadata, spec=spec), now, controller)


def connect(entry: WorkloadEntry, now: datetime, controller: str) -> WorkloadEntry:
    """The entry of a proxy that is here."""
    kept = {key: value for key, value in entry.metadata.annotations.items() if key != DISCONNECTED}
    return _annotated(entry, {**kept, CONTROLLER: controller, CONNECTED: _stamp(now)})


def disconnect(entry: WorkloadEntry, now: datetime) -> WorkloadEntry:
    """The entry of a proxy that went."""
    kept = {key: value for key, value in entry.metadata.annotations.items() if key != CONNECTED}
    return _annotated(entry, {**kept, DISCONNECTED: _stamp(now)})


def report(entry: WorkloadEntry, healthy: bool, message: str, now: datetime) -> WorkloadEntry:
    """The entry of a workload that says how it is."""
    status = "True" if healthy else "False"
    before = next((each for each in entry.status.conditions if each.type == HEALTHY), None)
    changed = before is None or before.status != status
    condition = StatusCondition(
        type=HEALTHY,
        status=status,
        message="" if healthy else message,
        last_probe_time=_stamp(now, "seconds"),
        last_transition_time=_stamp(now, "seconds") if changed or before is None else before.last_transition_time,
    )
    return replace(entry, status=WorkloadEntryStatus((*_other_conditions(entry), condition)))


def is_registered(entry: WorkloadEntry) -> bool:
    """Whether its proxy made it; else somebody declared it, and it stays when its proxy goes."""
    return GROUP in entry.metadata.annotations


def health_of(entry: WorkloadEntry) -> str:
    """`True`, `False`; empty: nobody said."""
    return next((each.status for each in entry.status.conditions if each.type == HEALTHY), "")


def renew(kept: WorkloadEntry, declared: WorkloadEntry) -> WorkloadEntry:
    """The entry of a proxy as it is declared now, with what we know of the proxy."""
    own = {name: kept.metadata.annotations.get(name) for name in OWN}
    annotations = {**declared.metadata.annotations, **{name: value for name, value in own.items() if value}}
    return _annotated(replace(declared, status=kept.status), annotations)


def release(entry: WorkloadEntry) -> WorkloadEntry:
    """The entry of a workload that nobody hears of any more, as it was declared."""
    annotations = {name: value for name, value in entry.metadata.annotations.items() if name not in OWN}
    return _annotated(replace(entry, status=WorkloadEntryStatus(_other_conditions(entry))), annotations)


def is_abandoned(entry: WorkloadEntry, now: datetime, grace: timedelta, longest: timedelta | None = None) -> bool:
    """Whether a proxy has been away longer than it may. `longest`: what a stream lasts at most; None: for ever."""
    left = entry.metadata.annotations.get(DISCONNECTED)
    if left is not None:
        return _is_past(left, now - grace)
    came = entry.metadata.annotations.get(CONNECTED)
    return came is not None and longest is not None and _is_past(came, now - longest)


def _is_past(stamp: str, limit: datetime) -> bool:
    try:
        return datetime.fromisoformat(stamp) <= limit
    except (TypeError, ValueError):  # a time without a zone is none
        return True


def _other_conditions(entry: WorkloadEntry) -> tuple[StatusCondition, ...]:
    return tuple(each for each in entry.status.conditions if each.type != HEALTHY)


def _annotated(entry: WorkloadEntry, annotations: Mapping[str, str]) -> WorkloadEntry:
    return replace(entry, metadata=replace(entry.metadata, annotations=annotations))


def _stamp(now: datetime, precision: str = "microseconds") -> str:
    return now.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
