"""A status as it stands and as we would have it."""

from typing import Any

from pilot.writers.merging import is_same, merge_status, own_part, with_leftovers

NOW, THEN = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
US = frozenset(("us",))


def condition(type_: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": type_, **more}


def test_the_time_of_a_transition_stays_until_there_is_one() -> None:
    stored = {"conditions": [condition("A", lastTransitionTime=THEN), condition("B", lastTransitionTime=THEN)]}
    ours = {"conditions": [condition("A"), condition("B", "False")]}
    merged = merge_status(stored, ours, {}, US, NOW)
    assert [each["lastTransitionTime"] for each in merged["conditions"]] == [THEN, NOW]


def test_conditions_of_others_stay_and_ours_go_when_we_say_nothing_more() -> None:
    before = {"conditions": [condition("Ours")]}
    stored = {"conditions": [condition("Theirs"), condition("Ours")]}
    assert [each["type"] for each in merge_status(stored, {}, before, US, NOW)["conditions"]] == ["Theirs"]


def test_entries_of_other_controllers_stay() -> None:
    def parent(controller: str, name: str, **more: Any) -> dict[str, Any]:
        return {"parentRef": {"name": name, **more}, "controllerName": controller, "conditions": [condition("A")]}

    stored = {"parents": [parent("them", "x"), parent("us", "x", kind="Gateway"), parent("us", "gone")]}
    merged = merge_status(stored, {"parents": [parent("us", "x")]}, {}, US, NOW)
    assert [(each["controllerName"], each["parentRef"]["name"]) for each in merged["parents"]] == [
        ("them", "x"),
        ("us", "x"),
    ]


def test_what_we_said_before_and_say_no_more_goes() -> None:
    assert merge_status({"addresses": [1], "other": 2}, {}, {"addresses": [1]}, US, NOW) == {"other": 2}


def test_we_apply_only_our_conditions_where_they_have_owners_each() -> None:
    merged = {"conditions": [condition("Theirs"), condition("Ours")], "other": 1}
    ours = {"conditions": [condition("Ours")]}
    assert own_part(merged, ours, {}, is_shared=True) == {"conditions": [condition("Ours")]}
    assert len(own_part(merged, ours, {}, is_shared=False)["conditions"]) == 2


def test_order_and_what_is_empty_make_no_difference() -> None:
    a = {"conditions": [condition("A"), condition("B")], "addresses": []}
    b = {"conditions": [condition("B"), condition("A")]}
    assert is_same(a, b)
    assert not is_same(a, {"conditions": [condition("B"), condition("A", "False")]})


def test_what_somebody_before_us_holds_on_to_is_known() -> None:
    merged = {"conditions": [{"type": "A"}], "listeners": [{"name": "http"}], "addresses": []}
    assert with_leftovers(merged, merged) == {}
    stands = {**merged, "listeners": [{"name": "http"}, {"name": "old"}], "addresses": [{"value": "x"}]}
    assert with_leftovers(merged, stands) == {"listeners": [{"name": "http"}]}
    assert with_leftovers({}, {"conditions": [{"type": "A"}]}) == {"conditions": []}
