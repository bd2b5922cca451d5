import pytest

from pilot.generators.envoy.operators import operator_error


@pytest.mark.parametrize(
    "text", ["", "plain", "%%", "50%%", "%PROTOCOL%", "a %REQ(X-A?:B):10% b", "%START_TIME(%s.%3f)%", "%UNHEARD_OF%"]
)
def test_well_formed_operators_pass(text: str) -> None:
    assert operator_error(text) is None


@pytest.mark.parametrize("text", ["50%", "%", "%req%", "%REQ(%", "%%%", "%REQ(a)"])
def test_others_are_reported(text: str) -> None:
    assert operator_error(text) == f"expected %OPERATOR%, or %% for a percent sign, got {text!r}"
