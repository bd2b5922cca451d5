"""The mesh under load: what is written is what a source reads, and each edit changes what it says."""

import pathlib

import pytest
import yaml

from benchmarks.mesh import NAMESPACES, Mesh, node_metadata
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.sources.decode import decode_document


def read(root: pathlib.Path) -> Snapshot:
    """The snapshot that a server would make of the directory; nothing in it may be a problem."""
    events = []
    for path in sorted(root.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for each in decode_document(document):
                assert each.key is not None
                assert each.object is not None, path
                events.append(Event(each.key, each.object))
    snapshot, _ = Snapshot.empty().apply(events)
    assert snapshot.problems == ()
    return snapshot


@pytest.fixture
def mesh(tmp_path: pathlib.Path) -> Mesh:
    made = Mesh(tmp_path / "config", services=20, endpoints=3)
    made.write()
    return made


def test_every_service_has_its_endpoints_and_every_tenth_its_routes(mesh: Mesh) -> None:
    snapshot = read(mesh.root)

    assert len(snapshot.services) == 20
    assert {each.namespace for each in snapshot.services} == {f"ns-{n}" for n in range(NAMESPACES)}
    assert {len(each.endpoints) for each in snapshot.endpoints.values()} == {3}
    addresses = [each.address for known in snapshot.endpoints.values() for each in known.endpoints]
    assert len(set(addresses)) == 60
    assert sorted(each.name for each in snapshot.virtual_services) == ["s0", "s10"]


def test_a_change_of_weight_changes_one_route_and_nothing_else(mesh: Mesh) -> None:
    before = read(mesh.root)
    mesh.write_routes(0, weight=10)
    after = read(mesh.root)

    assert after.services == before.services
    assert after.endpoints == before.endpoints
    changed = [
        each.name for each, was in zip(after.virtual_services, before.virtual_services, strict=True) if each != was
    ]
    assert changed == ["s0"]


def test_an_unready_endpoint_changes_the_endpoints_of_one_service(mesh: Mesh) -> None:
    before = read(mesh.root)
    mesh.write_service(1, unready=1)
    after = read(mesh.root)

    assert after.services == before.services
    assert [key for key, known in after.endpoints.items() if known != before.endpoints[key]] == [
        ("s1.ns-1.svc.cluster.local", "ns-1")
    ]


def test_a_service_is_added_and_a_policy_holds_for_a_namespace(mesh: Mesh) -> None:
    mesh.write_service(20)
    mesh.write_policy("STRICT")
    snapshot = read(mesh.root)

    assert len(snapshot.services) == 21
    assert snapshot.peer_authentications.namespaces


def test_files_are_replaced_whole(mesh: Mesh) -> None:
    mesh.write_service(1, unready=1)
    assert not [each.name for each in mesh.root.iterdir() if each.name.endswith(".part")]


def test_proxies_are_as_many_classes_as_asked_for() -> None:
    found = {(str(data["NAMESPACE"]), str(data["SERVICE_ACCOUNT"])) for _, data in map(node_metadata, range(200))}
    assert len(found) == 20
    assert len({node_metadata(index)[0] for index in range(200)}) == 200
