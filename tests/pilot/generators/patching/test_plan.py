"""Plans: patches with their values as messages."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.patching.plan import NO_PLAN, fault_of, plan_of
from pilot.model.envoy_filter import ApplyTo
from pilot.view.proxy import Flavour
from tests.pilot.generators.patching.filters_of import LUA, checked, lua, patch, plan


def test_steps_are_found_by_what_they_apply_to_in_their_order() -> None:
    made = plan(patch("CLUSTER", "ADD", {"name": "a"}), patch("LISTENER", "REMOVE"), patch("CLUSTER", "REMOVE"))
    assert [each.number for each in made.steps[ApplyTo.CLUSTER]] == [0, 2]
    assert made.steps[ApplyTo.CLUSTER][0].value == Cluster(name="a")
    assert made.of(ApplyTo.LISTENER)
    assert not made.of(ApplyTo.HTTP_ROUTE, ApplyTo.HTTP_FILTER)


def test_no_patches_are_no_plan() -> None:
    assert plan_of((), Flavour()) is NO_PLAN
    assert plan_of((), Flavour(), 5).body_limit == 5


def test_the_same_patches_make_the_same_plan() -> None:
    patches = checked(patch("CLUSTER", "REMOVE")).patches
    flavour = Flavour()
    assert plan_of(patches, flavour) is plan_of(patches, flavour)


def test_a_value_that_breaks_typing_is_left_out_and_named() -> None:
    made = plan(patch("CLUSTER", "ADD", {"name": {"a": 1}}), patch("CLUSTER", "REMOVE"))
    assert [each.number for each in made.steps[ApplyTo.CLUSTER]] == [1]
    (fault,) = made.faults
    assert fault.number == 0
    assert "expected a value of type envoy.config.cluster.v3.Cluster" in fault.message


def test_a_field_that_does_not_exist_is_named_and_the_rest_counts() -> None:
    patches = checked(patch("CLUSTER", "ADD", {"name": "a", "nonsense": 1})).patches
    made = plan_of(patches, Flavour())
    assert made.steps[ApplyTo.CLUSTER][0].value == Cluster(name="a")
    assert "nonsense" in made.faults[0].message
    assert "nonsense" in fault_of(patches[0])


def test_a_filter_that_this_envoy_lacks_is_left_out_and_named() -> None:
    stock = Flavour(frozenset({"envoy.extensions.filters.http.router.v3.Router"}))
    made = plan(patch("HTTP_FILTER", "INSERT_FIRST", lua("a")), flavour=stock)
    assert not made.of(ApplyTo.HTTP_FILTER)
    assert made.faults[0].message == f"this Envoy does not have {LUA}"
    has = Flavour(frozenset({LUA.removeprefix("type.googleapis.com/")}))
    assert plan(patch("HTTP_FILTER", "INSERT_FIRST", lua("a")), flavour=has).of(ApplyTo.HTTP_FILTER)
