"""Names under which workloads and services are asked for."""

from pilot.model.ambient.address import MeshService, MeshWorkload
from pilot.resources import Origin


def test_workload_is_known_by_its_addresses_in_its_network() -> None:
    assert MeshWorkload("uid", "w", "app", addresses=("10.0.0.1", "::1"), network="n").keys == ("n/10.0.0.1", "n/::1")


def test_service_is_named_by_namespace_and_host() -> None:
    made = MeshService("app", "a.b", "a", Origin("Service", "app", "a"), addresses=("10.0.0.1",))
    assert made.key == "app/a.b"
    assert made.keys == ("/10.0.0.1",)
