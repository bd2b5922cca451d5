"""Mistakes and their reasons."""

from pilot.gatewayapi.faults import Fault, Reason


def test_a_fault_reads_as_its_message() -> None:
    assert f"{Fault('expected a port, got none', Reason.INVALID_DESTINATION)}: no" == "expected a port, got none: no"


def test_reasons_are_words_of_the_api() -> None:
    assert str(Reason.NOT_ALLOWED) == "NotAllowedByListeners"
