import pytest

from pilot.generators.envoy.operators import header_value_error, operator_error


@pytest.mark.parametrize(
    "text", ["", "plain", "%%", "50%%", "%PROTOCOL%", "a %REQ(X-A?:B):10% b", "%START_TIME(%s.%3f)%", "%UNHEARD_OF%"]
)
def test_well_formed_operators_pass(text: str) -> None:
    assert operator_error(text) is None


@pytest.mark.parametrize("text", ["50%", "%", "%req%", "%REQ(%", "%%%", "%REQ(a)"])
def test_others_are_reported(text: str) -> None:
    assert operator_error(text) == f"expected %OPERATOR%, or %% for a percent sign, got {text!r}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "50%%",
        "%REQ(:PATH)%",
        "%REQ(X-A?:AUTHORITY):10%",
        "%DOWNSTREAM_PEER_URI_SAN%",
        "%START_TIME(%s.%3f)%",
        "%DYNAMIC_METADATA(a:b)%",
    ],
)
def test_header_values_may_have_operators_that_envoy_knows(text: str) -> None:
    assert header_value_error(text) is None


@pytest.mark.parametrize("text", ["%NONSENSE%", "a %REQ(a:b:c)% b", "%RESP()%", "%REQ%", "%FILTER_STATE%", "50%"])
def test_others_in_header_values_are_reported(text: str) -> None:
    assert (header_value_error(text) or "").startswith("expected ")
