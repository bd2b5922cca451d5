"""What workload discovery depends on."""

from pilot.model.waypoint import Refusal, Traffic
from tests.ambient_mesh import SHOP, WAYPOINT, ambient


def test_waypoint_of_an_object_counts_labels_of_its_namespace() -> None:
    mesh = ambient(SHOP.replace("{name: app}", "{name: app, labels: {istio.io/use-waypoint: wp}}"), WAYPOINT).mesh
    found = mesh.waypoint_of("app", {}, Traffic.SERVICE)
    assert found is not None
    assert found.name == "wp"
    assert mesh.bound("other", {"istio.io/use-waypoint": "x"}, Traffic.SERVICE) is Refusal.NOT_READY
    assert mesh.waypoint_of("other", {"istio.io/use-waypoint": "x"}, Traffic.SERVICE) is None


def test_namespace_that_is_not_declared_has_no_labels() -> None:
    assert ambient().mesh.namespace_labels("nowhere") == {}
