"""What workload discovery depends on."""

from pilot.model.waypoint import Traffic
from tests.ambient_mesh import SHOP, WAYPOINT, ambient


def test_waypoint_of_an_object_counts_labels_of_its_namespace() -> None:
    mesh = ambient(SHOP.replace("{name: app}", "{name: app, labels: {istio.io/use-waypoint: wp}}"), WAYPOINT).mesh
    found = mesh.waypoint_of("app", {}, Traffic.SERVICE)
    assert found is not None
    assert found.name == "wp"
    assert mesh.waypoint_of("other", {"istio.io/use-waypoint": "x"}, Traffic.SERVICE) is None
