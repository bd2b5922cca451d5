import pytest

from pilot.model.selectors import LabelSelector, LabelSelectorRequirement, SelectorOperator

LABELS = {"app": "a", "env": "prod"}


@pytest.mark.parametrize(
    ("key", "operator", "values", "matches"),
    [
        ("app", SelectorOperator.IN, ("a", "b"), True),
        ("app", SelectorOperator.IN, ("b",), False),
        ("nope", SelectorOperator.IN, ("b",), False),
        ("app", SelectorOperator.NOT_IN, ("b",), True),
        ("app", SelectorOperator.NOT_IN, ("a",), False),
        ("nope", SelectorOperator.NOT_IN, ("a",), True),
        ("app", SelectorOperator.EXISTS, (), True),
        ("nope", SelectorOperator.EXISTS, (), False),
        ("app", SelectorOperator.DOES_NOT_EXIST, (), False),
        ("nope", SelectorOperator.DOES_NOT_EXIST, (), True),
    ],
)
def test_set_conditions_hold_as_in_kubernetes(
    key: str, operator: SelectorOperator, values: tuple[str, ...], matches: bool
) -> None:
    requirement = LabelSelectorRequirement(key=key, operator=operator, values=values)
    assert requirement.matches(LABELS) is matches
    assert LabelSelector(match_expressions=(requirement,)).matches(LABELS) is matches


def test_all_conditions_of_a_selector_hold_together() -> None:
    exists = LabelSelectorRequirement(key="env", operator=SelectorOperator.EXISTS)
    assert LabelSelector(match_labels={"app": "a"}, match_expressions=(exists,)).matches(LABELS)
    assert not LabelSelector(match_labels={"app": "b"}, match_expressions=(exists,)).matches(LABELS)
    assert not LabelSelector(match_labels={"app": "a"}, match_expressions=(exists,)).matches({"app": "a"})


def test_an_empty_selector_selects_everything() -> None:
    assert LabelSelector().matches({})
