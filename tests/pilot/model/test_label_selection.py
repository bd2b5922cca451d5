from hypothesis import given
from hypothesis import strategies as st

from pilot.model.label_selection import SelectorIndex, matches

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)


def test_an_empty_selector_matches_everything() -> None:
    assert matches({}, {"a": "1"})
    assert matches({"a": "1"}, {"a": "1", "b": "2"})
    assert not matches({"a": "1"}, {"a": "2"})


def test_selectors_are_found_in_the_order_given() -> None:
    index = SelectorIndex.of([({"b": "1"}, "first"), ({"a": "1"}, "second"), ({}, "never"), ({"a": "2"}, "no")])
    assert index.matching({"a": "1", "b": "1"}) == ["first", "second"]


@given(st.lists(LABELS, max_size=6), LABELS)
def test_the_index_finds_what_trying_all_finds(selectors: list[dict[str, str]], labels: dict[str, str]) -> None:
    index = SelectorIndex.of((each, position) for position, each in enumerate(selectors))
    expected = [position for position, each in enumerate(selectors) if each and matches(each, labels)]
    assert index.matching(labels) == expected
