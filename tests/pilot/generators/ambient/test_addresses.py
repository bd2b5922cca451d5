"""Workloads and services as resources."""

from typing import Any

from istio_api import workload_pb2 as pb
from pilot.generators.ambient import addresses
from pilot.memo import finish
from pilot.view.ambient import AmbientView
from tests.ambient_mesh import SHOP, WAYPOINT, ambient
from tests.recordings import message_of

SERVICE = "app/web.app.svc.cluster.local"
POD = "Kubernetes//Pod/app/web-0"


def _told(view: AmbientView, *names: str) -> dict[str, Any]:
    found = addresses.build(view, frozenset(names) if names else None)
    return {name: message_of(found[name]) for name in found}


def test_everything_is_told_without_other_names() -> None:
    view = AmbientView(ambient(SHOP))
    found = addresses.build(view, None)
    assert set(found) == {SERVICE, POD}
    assert all(found[name].aliases == () for name in found)
    assert addresses.build(view, None) is found


def test_who_asks_for_a_service_is_told_its_workloads_and_other_names() -> None:
    found = addresses.build(AmbientView(ambient(SHOP)), frozenset({"/10.0.0.1"}))
    assert set(found) == {SERVICE, POD}
    assert found[SERVICE].aliases == ("/10.0.0.1",)
    assert found[POD].aliases == ("/10.1.0.1",)


def test_who_asks_is_told_the_workloads_of_its_node() -> None:
    index = ambient(SHOP, WAYPOINT)
    assert set(addresses.build(AmbientView(index, "n1"), frozenset({"nobody"}))) == {POD}
    assert set(addresses.build(AmbientView(index, "n2"), frozenset({"nobody"}))) == set()


def test_workload_message() -> None:
    made = _told(AmbientView(ambient(SHOP)))[POD].workload
    assert made.addresses == [bytes((10, 1, 0, 1))]
    assert made.tunnel_protocol == pb.HBONE
    assert made.workload_type == pb.POD
    assert made.services[SERVICE].ports[0].target_port == 8080


def test_service_message() -> None:
    labelled = SHOP.replace("{name: app}", "{name: app, labels: {istio.io/use-waypoint: wp}}")
    local = labelled.replace("spec: {clusterIP", "spec: {internalTrafficPolicy: Local, clusterIP", 1)
    made = _told(AmbientView(ambient(local, WAYPOINT)), SERVICE)[SERVICE].service
    assert made.ports[0].app_protocol == pb.HTTP11
    assert made.waypoint.hostname.hostname == "wp.app.svc.cluster.local"
    assert made.waypoint.hbone_mtls_port == 15008
    assert list(made.load_balancing.routing_preference) == [pb.LoadBalancing.NODE]


def test_workload_type_has_no_services() -> None:
    view = AmbientView(ambient(SHOP))
    assert set(addresses.build_workloads(view, None)) == {POD}
    assert set(addresses.build_workloads(view, frozenset({SERVICE}))) == {POD}
    assert message_of(addresses.build_workloads(view, None)[POD]).uid == POD


def test_an_index_that_comes_while_another_is_told_is_told_right() -> None:
    older, newer = ambient(SHOP, *map(_pod, range(200))), ambient(SHOP, *map(_pod, range(150)))
    begun = addresses.steps(AmbientView(older), None)
    next(begun)
    told = addresses.build(AmbientView(newer), None)
    assert (set(told), set(finish(begun))) == (
        newer.services.keys() | newer.workloads.keys(),
        older.services.keys() | older.workloads.keys(),
    )
    assert set(addresses.build(AmbientView(ambient(SHOP)), None)) == {SERVICE, POD}


def test_many_names_are_looked_up_in_pieces() -> None:
    view = AmbientView(ambient(SHOP, *map(_pod, range(200))))
    addresses.build(view, None)
    names = frozenset(f"/10.2.0.{number}" for number in range(200))
    assert len(list(addresses.steps(view, names))) > 4
    found = addresses.build(view, names)
    assert len(found) == 200
    assert found["Kubernetes//Pod/app/p7"].aliases == ("/10.2.0.7",)


def _pod(number: int) -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: app}}
spec: {{containers: [{{name: web, image: x}}]}}
status: {{phase: Running, podIP: 10.2.0.{number}}}
"""
