"""Resources as messages, and back."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.patching.tally import Tally
from pilot.generators.patching.wire import message_of, resource_after
from pilot.model.envoy_filter import ApplyTo
from pilot.resources import Origin, resource
from pilot.type_urls import CLUSTER
from tests.pilot.generators.patching.filters_of import patch, plan

MADE = resource(CLUSTER, "a", Cluster(name="a"), (Origin("Service", "b", "a"),))


def test_nothing_done_is_the_same_resource() -> None:
    assert resource_after(CLUSTER, MADE, Cluster(name="a"), Tally(), plan()) is MADE


def test_what_was_done_names_the_object_that_did_it() -> None:
    made = plan(patch("CLUSTER", "REMOVE"))
    tally = Tally()
    tally.count(made.steps[ApplyTo.CLUSTER][0])
    cluster = message_of(Cluster, MADE)
    assert cluster == Cluster(name="a")
    cluster.name = "b"
    after = resource_after(CLUSTER, MADE, cluster, tally, made)
    assert after.name == "b"
    assert [str(each) for each in after.origins] == ["Service b/a", "EnvoyFilter istio-system/patches"]
