from benchmarks import workloads


def test_a_small_mesh_of_workloads_is_measured() -> None:
    found = workloads.measure(workloads=200, services=10, ztunnels=3)
    assert min(found.model, found.first, found.piece, found.change) > 0
    assert found.piece < found.first
