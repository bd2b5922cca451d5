"""What a finding means for whoever serves the object."""

from pilot.model.problem import Severity
from pilot.validation.finding import Finding, Weight, note, refused_if, unservable, unservable_if


def test_only_what_cannot_be_served_is_an_error_where_it_is_served() -> None:
    severities = [each.fault.severity for each in (note(("a",), "m"), Finding(("a",), "m"), unservable(("a",), "m"))]
    assert severities == [Severity.WARNING, Severity.WARNING, Severity.ERROR]
    assert "an API server would refuse it" in Finding((), "m").fault.message


def test_a_finding_reads_as_field_and_message() -> None:
    assert str(Finding(("spec", "hosts", 0), "wrong")) == "spec.hosts[0]: wrong"
    assert str(Finding((), "wrong")) == "wrong"


def test_nothing_is_found_without_a_message() -> None:
    assert list(refused_if(("a",), None)) == []
    assert [each.weight for each in unservable_if(("a",), "m")] == [Weight.UNSERVABLE]
