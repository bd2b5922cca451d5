from benchmarks import ztunnels


def test_a_small_mesh_is_measured_over_grpc() -> None:
    found = ztunnels.run(count=200, services=10, ztunnels=3, named=1000)
    assert found.first.size == found.everybody.size > 200 * 100
    assert 0 < found.change.size < 1000
    assert found.named > 1000 * 20
    assert min(each.cpu for each in (found.first, found.everybody, found.change, found.back)) > 0
