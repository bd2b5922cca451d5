"""Accounts of what patches did."""

from pilot.generators.patching.plan import Fault
from pilot.generators.patching.tally import Patched, Tally
from pilot.model.envoy_filter import ApplyTo
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
