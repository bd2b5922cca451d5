from pilot.resources import Resource, resource_set
from pilot.xds.warming import endpoints_behind
from tests.pilot.xds.worlds import cluster, static_cluster


def test_updated_clusters_wait_for_endpoints_of_their_name() -> None:
    clusters = resource_set([cluster("a"), cluster("b"), static_cluster("c")])
    assert endpoints_behind(clusters, ("a", "c")) == {"a"}


def test_cluster_may_ask_for_endpoints_under_another_name() -> None:
    assert endpoints_behind(resource_set([cluster("a", endpoints="x")]), ("a",)) == {"x"}


def test_removed_cluster_waits_for_nothing() -> None:
    assert not endpoints_behind(resource_set([]), ("a",))


def test_cluster_that_cannot_be_read_counts_as_waiting() -> None:
    assert endpoints_behind(resource_set([Resource("a", b"\xff\xff", "1")]), ("a",)) == {"a"}
