"""Workloads of other clusters."""

from dataclasses import replace

from pilot.model.ambient.address import MeshWorkload, Tunnel
from pilot.model.ambient.index import AmbientIndex
from pilot.model.mesh import MeshConfig, ServiceScope, ServiceScopeConfigs
from pilot.model.selectors import LabelSelector
from pilot.model.snapshot import Snapshot
from pilot.view.ambient import index_of
from tests.networks_mesh import FEATURES, WAYS, cluster, mesh_of

SERVICE = "shop/web.shop.svc.cluster.local"
BEHIND = f"NetworkGateway/west/198.51.100.7/15008/{SERVICE}"
HERE = cluster("east", "10.0.0.1", "10.1.0.1", more=f"---{WAYS}")


def told(snapshot: Snapshot) -> tuple[AmbientIndex, dict[str, MeshWorkload]]:
    """Workloads of other clusters."""
    index = index_of(snapshot)
    return index, {uid: each for uid, each in index.workloads.items() if not uid.startswith("Kubernetes/")}


def test_workloads_of_another_network_are_one_behind_each_way_into_it() -> None:
    index, found = told(mesh_of(HERE, cluster("west", "10.9.0.1", "10.2.0.1", "10.2.0.2")))
    assert set(found) == {"NetworkGateway/west/198.51.100.7/15008", BEHIND}
    one = found[BEHIND]
    assert (one.network, one.capacity, one.tunnel, one.addresses) == ("west", 2, Tunnel.HBONE, ())
    assert one.network_gateway is not None
    assert one.network_gateway.ip == "198.51.100.7"
    assert one.services == {SERVICE: ((80, 8080),)}
    assert index.members[SERVICE] == {BEHIND, "Kubernetes//Pod/shop/web-0"}


def test_a_service_has_its_addresses_in_every_network() -> None:
    index = index_of(mesh_of(HERE, cluster("west", "10.9.0.1", "10.2.0.1")))
    assert index.services[SERVICE].keys == ("east/10.0.0.1", "west/10.9.0.1")
    assert BEHIND in index.find("west/10.9.0.1")


def test_how_many_they_are_is_told_again_and_that_there_are_none() -> None:
    snapshot = mesh_of(HERE, cluster("west", "10.9.0.1", "10.2.0.1"))
    assert told(snapshot)[1][BEHIND].capacity == 1
    more, _ = snapshot.apply_remote("west", cluster("west", "10.9.0.1", "10.2.0.1", "10.2.0.2"))
    assert told(more)[1][BEHIND].capacity == 2
    gone, _ = more.without_remote("west")
    assert BEHIND not in told(gone)[1]
    assert index_of(gone).services[SERVICE].keys == ("east/10.0.0.1",)


def test_workloads_of_the_same_network_are_told_one_by_one() -> None:
    _, found = told(mesh_of(HERE, cluster("east", "10.9.0.1", "10.2.0.1", "10.2.0.2")))
    pods = [found[f"west//Pod/shop/web-{number}"] for number in (0, 1)]
    assert [each.addresses for each in pods] == [("10.2.0.1",), ("10.2.0.2",)]
    assert all(each.services == {SERVICE: ((80, 8080),)} for each in pods)


def test_what_is_not_global_stays_in_its_cluster() -> None:
    local = "app: web"
    for own, west in ((local, "istio.io/global: 'true'"), ("istio.io/global: 'true'", local)):
        here = cluster("east", "10.0.0.1", "10.1.0.1", labels=own, more=f"---{WAYS}")
        far = mesh_of(here, cluster("west", "10.9.0.1", "10.2.0.1", labels=west))
        assert BEHIND not in told(far)[1]
        assert index_of(far).services[SERVICE].keys == ("east/10.0.0.1",)
        near = told(mesh_of(here, cluster("east", "10.9.0.1", "10.2.0.1", labels=west)))[1]
        assert near["west//Pod/shop/web-0"].services == {}


def test_a_namespace_may_make_its_services_global() -> None:
    shared = LabelSelector(match_labels={"share": "yes"})
    scope = ServiceScopeConfigs(namespace_selector=shared, scope=ServiceScope.GLOBAL)
    snapshot = mesh_of(HERE, mesh=MeshConfig(service_scope_configs=(scope,)))
    assert not index_of(snapshot).services[SERVICE].is_global
    labelled, _ = snapshot.apply(cluster("east", "10.0.0.1", "10.1.0.1", around="share: 'yes'", more=f"---{WAYS}"))
    assert index_of(labelled).services[SERVICE].is_global
    assert not index_of(labelled.apply(HERE)[0]).services[SERVICE].is_global


def test_other_clusters_are_not_told_of_while_the_switch_is_off() -> None:
    off = replace(FEATURES, ambient_multi_network=False)
    index, found = told(mesh_of(HERE, cluster("west", "10.9.0.1", "10.2.0.1", more="""---
apiVersion: v1
kind: Service
metadata: {name: only-there, namespace: shop}
spec: {clusterIP: 10.9.0.2, ports: [{name: http, port: 80}]}
"""), features=off))  # fmt: skip
    assert set(found) == {"NetworkGateway/west/198.51.100.7/15008"}
    assert set(index.services) == {SERVICE}


def test_a_gateway_of_the_other_cluster_is_a_way_into_its_network() -> None:
    entrance = WAYS.partition("---")[2].replace("network: east", "network: west")
    told_there = entrance.rstrip() + "\nstatus: {addresses: [{type: IPAddress, value: 203.0.113.8}]}\n"
    here = cluster("east", "10.0.0.1", "10.1.0.1")
    far = cluster("west", "10.9.0.1", "10.2.0.1", more=f"---{told_there}")
    _, found = told(mesh_of(here, far))
    assert set(found) == {
        "NetworkGateway/west/203.0.113.8/15008",
        f"NetworkGateway/west/203.0.113.8/15008/{SERVICE}",
    }
    more, _ = mesh_of(here, far).apply_remote("west", cluster("west", "10.9.0.1", "10.2.0.1", "10.2.0.2"))
    assert told(more)[1][f"NetworkGateway/west/203.0.113.8/15008/{SERVICE}"].capacity == 2
