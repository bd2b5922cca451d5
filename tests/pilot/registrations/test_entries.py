"""WorkloadEntries that proxies make by connecting."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pilot.model.features import Features
from pilot.model.objects import Metadata
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.model.workload_group import GroupMetadata, WorkloadGroup, WorkloadGroupSpec
from pilot.registrations import entries
from pilot.view import node
from pilot.view.proxy import Proxy
from tests.recordings import node_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = WorkloadGroup(
    metadata=Metadata(name="vms", namespace="app"),
    spec=WorkloadGroupSpec(
        metadata=GroupMetadata(labels={"app": "shop", "tier": "group"}, annotations={"note": "x"}),
        template=WorkloadEntrySpec(
            labels={"tier": "template", "zone": "z"}, service_account="shop", ports={"http": 80}
        ),
    ),
)


def proxy_of(address: str = "10.0.0.1", **metadata: Any) -> Proxy:
    """A proxy that registers itself."""
    said = {"NAMESPACE": "app", "AUTO_REGISTER_GROUP": "vms", **metadata}
    declared = {"id": f"sidecar~{address}~vm.app~app.svc.cluster.local", "metadata": said}
    return node.parse_node(node_of(declared), Features())


def test_entry_is_named_after_group_address_and_network() -> None:
    assert entries.entry_name(proxy_of()) == "vms-10.0.0.1"
    assert entries.entry_name(proxy_of("fd00::1", NETWORK="net")) == "vms-fd00--1-net"
    assert len(entries.entry_name(proxy_of(AUTO_REGISTER_GROUP="g" * 300))) == 253


def test_entry_follows_the_template_and_what_the_proxy_says() -> None:
    labels = {"tier": "node", "topology.istio.io/locality": "r.z"}
    made = entries.create(GROUP, proxy_of(LABELS=labels, NETWORK="net"), NOW, "us")
    assert made.spec.address == "10.0.0.1"
    assert made.spec.labels == {"tier": "node", "zone": "z", "app": "shop"}
    assert (made.spec.network, made.spec.service_account, made.spec.ports) == ("net", "shop", {"http": 80})
    annotations = made.metadata.annotations
    assert annotations["note"] == "x"
    assert annotations[entries.GROUP] == "vms"
    assert annotations[entries.CONTROLLER] == "us"
    assert entries.HEALTH_CHECKED not in annotations
    assert made.metadata.owner_references[0].name == "vms"


def test_probe_makes_health_count() -> None:
    made = entries.create(GROUP, proxy_of(PROXY_CONFIG={"readinessProbe": {"httpGet": {"port": 1}}}), NOW, "us")
    assert made.metadata.annotations[entries.HEALTH_CHECKED] == "true"


def test_who_left_is_abandoned_after_the_grace_period_unless_it_comes_back() -> None:
    grace = timedelta(seconds=10)
    here = entries.create(GROUP, proxy_of(), NOW, "us")
    gone = entries.disconnect(here, NOW)
    assert not entries.is_abandoned(here, NOW + 9 * grace, grace)
    assert not entries.is_abandoned(gone, NOW + grace / 2, grace)
    assert entries.is_abandoned(gone, NOW + grace, grace)
    assert not entries.is_abandoned(entries.connect(gone, NOW, "us"), NOW + 9 * grace, grace)


def test_health_is_a_condition() -> None:
    entry = WorkloadEntry(metadata=Metadata(name="vm", namespace="app"))
    ill = entries.report(entry, False, "broken", NOW)
    assert [(each.type, each.status, each.message) for each in ill.status.conditions] == [
        ("Healthy", "False", "broken")
    ]
    later = entries.report(ill, False, "still", NOW + timedelta(seconds=5))
    assert later.status.conditions[0].last_transition_time == ill.status.conditions[0].last_transition_time
    assert later.status.conditions[0].last_probe_time != ill.status.conditions[0].last_probe_time
    well = entries.report(later, True, "", NOW)
    assert well.status.conditions[0].status == "True"
    assert entries.health_of(well) == "True"
    assert entries.release(entries.connect(well, NOW, "us")) == entry


def test_a_stream_that_would_be_too_old_is_gone() -> None:
    here, grace = entries.create(GROUP, proxy_of(), NOW, "us"), timedelta(seconds=10)
    assert not entries.is_abandoned(here, NOW + timedelta(days=9), grace)
    assert not entries.is_abandoned(here, NOW + timedelta(minutes=9), grace, timedelta(minutes=10))
    assert entries.is_abandoned(here, NOW + timedelta(minutes=10), grace, timedelta(minutes=10))


def test_what_is_known_of_a_proxy_stays_with_an_entry_that_is_declared_anew() -> None:
    entry = WorkloadEntry(metadata=Metadata(name="vm", namespace="app", annotations={"note": "x"}))
    known = entries.report(entries.connect(entry, NOW, "us"), False, "broken", NOW)
    declared = WorkloadEntry(
        metadata=Metadata(name="vm", namespace="app", annotations={"note": "y"}),
        spec=WorkloadEntrySpec(address="10.0.0.2"),
    )
    renewed = entries.renew(known, declared)
    assert (renewed.spec.address, entries.health_of(renewed)) == ("10.0.0.2", "False")
    assert renewed.metadata.annotations["note"] == "y"
    assert renewed.metadata.annotations[entries.CONTROLLER] == "us"
