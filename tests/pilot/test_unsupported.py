"""Who asks for what is not there is told; who asks for what holds anyway is not."""

from pilot import unsupported
from pilot.settings import load


def test_what_is_asked_for_in_vain_is_a_warning_at_the_start() -> None:
    environ = {"PILOT_ENABLE_ANALYSIS": "1", "PILOT_XDS_CACHE_SIZE": "5", "MCS_API_VERSION": "v1beta1"}
    (first, second) = load({}, environ).warnings
    assert first.startswith("environment variable MCS_API_VERSION: expected v1alpha1, got 'v1beta1'")
    assert second.startswith("environment variable PILOT_ENABLE_ANALYSIS: expected false, got '1', which has no effect")


def test_what_holds_anyway_is_not() -> None:
    assert list(unsupported.warnings({name: only for name, (only, _) in unsupported.ONLY.items()})) == []
    assert list(unsupported.warnings({"PILOT_ENABLE_ANALYSIS": "F", "RESOLVE_HOSTNAME_GATEWAYS": "T"})) == []
