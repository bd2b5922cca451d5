from pilot.analysis.message import in_order, message
from tests.pilot.analysis.worlds import FRUIT, items


def test_json_and_lines_have_the_forms_that_tools_know() -> None:
    (fruit,) = items(FRUIT)
    found = message("IST0118", fruit, "odd", 80, 80, path=("spec", "ports", 0))
    assert found.as_line().startswith("Info [IST0118] (Service shop/fruit all.yaml:3) port name")
    assert found.as_json() == {
        "code": "IST0118",
        "documentationUrl": "https://istio.io/v1.29/docs/reference/config/analysis/ist0118/?ref=istioctl-analyze",
        "level": "Info",
        "message": found.text,
        "origin": "Service shop/fruit",
        "reference": "all.yaml:3",
    }


def test_the_worst_comes_first_and_nothing_twice() -> None:
    (fruit,) = items(FRUIT)
    note, error = message("IST0118", fruit, "a", 1, 1), message("IST0106", fruit, "b")
    assert in_order([note, error, note]) == [error, note]
