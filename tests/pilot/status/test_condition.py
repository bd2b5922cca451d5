"""Conditions as data."""

from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import KubernetesGateway
from pilot.model.objects import Metadata
from pilot.status.condition import Condition, Conditioned, as_data, conditions, generation_of, in_order

GOOD = {"Accepted": ("Accepted", "yes"), "Programmed": ("Programmed", "yes")}


def test_what_is_wrong_takes_the_place_of_what_holds() -> None:
    made = conditions(3, GOOD, {"Programmed": Fault("no", Reason.INVALID)})
    assert [(each.type, each.status, each.reason, each.message) for each in made] == [
        ("Accepted", "True", "Accepted", "yes"),
        ("Programmed", "False", "Invalid", "no"),
    ]
    assert {each.observed_generation for each in made} == {3}


def test_data_has_the_names_of_the_api() -> None:
    (made,) = conditions(1, {"Accepted": ("Accepted", "yes")}, {})
    assert as_data(Conditioned((made,))) == {
        "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "yes", "observedGeneration": 1}
        ]
    }


def test_conditions_are_written_by_type() -> None:
    made = in_order(Condition(each, "True", "r", "m") for each in ("B", "A"))
    assert [each.type for each in made] == ["A", "B"]


def test_a_file_holds_the_first_generation() -> None:
    assert generation_of(KubernetesGateway()) == 1
    assert generation_of(KubernetesGateway(metadata=Metadata(generation=7))) == 7
