"""Accounts of what patches did."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators import isolation
from pilot.generators.patching.plan import Fault, Plan
from pilot.generators.patching.tally import Patched, Tally, unharmed
from pilot.model.envoy_filter import ApplyTo
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER
from tests.pilot.generators.patching.filters_of import patch, plan


def test_applications_are_counted_and_faults_told_once() -> None:
    (step,) = plan(patch("CLUSTER", "REMOVE")).steps[ApplyTo.CLUSTER]
    tally = Tally()
    tally.count(step)
    tally.count(step)
    tally.fail(step, "no")
    tally.fail(step, "no")
    assert Patched.of(None, tally).applied == ((0, 2),)
    assert Patched.of(None, tally).faults == (Fault(0, "no"),)


def test_a_resource_that_cannot_be_patched_stays_as_it_was_and_that_is_a_problem() -> None:
    broken = [True]

    @unharmed
    def change(made: Resource, plan: Plan) -> Patched:
        if broken:
            raise RuntimeError(f"no way to patch {made.name} by {len(plan.patches)}")
        return Patched(None)

    def is_problem() -> bool:
        return any(str(each.key) == "EnvoyFilter istio-system/patches" for each in isolation.failures())

    made, known = resource(CLUSTER, "a", Cluster(name="a")), plan(patch("CLUSTER", "REMOVE"))
    assert change(made, known).resource is made
    assert is_problem()
    broken.clear()
    assert change(made, known).resource is None
    assert not is_problem()
