from pilot.model.draft import Draft, NestedDraft, SetDraft


def test_a_draft_without_edits_is_the_base() -> None:
    base = {"a": [1]}
    draft = Draft(base)
    draft.put("a", base["a"])
    draft.remove("missing")
    assert draft.finish() is base
    assert dict(draft.items()) == base


def test_edits_leave_the_base_alone() -> None:
    base = {"a": 1, "b": 2}
    draft = Draft(base)
    draft.put("a", 9)
    draft.set("b", None)
    draft.set("c", 3)
    assert draft.finish() == {"a": 9, "c": 3}
    assert (draft.get("a"), draft.get("b")) == (9, None)
    assert base == {"a": 1, "b": 2}
    draft.remove("c")
    assert dict(draft.items()) == {"a": 9}


def test_only_the_inner_mapping_that_changes_is_copied() -> None:
    base = {"x": {"a": 1}, "y": {"b": 2}}
    draft = NestedDraft(base)
    assert draft.get("x", "a") == 1
    assert draft.get("z", "a") is None
    draft.set("x", "a", 5)
    assert draft.get("x", "a") == 5
    made = draft.finish()
    assert made == {"x": {"a": 5}, "y": {"b": 2}}
    assert made["y"] is base["y"]


def test_an_inner_mapping_that_became_empty_vanishes() -> None:
    draft = NestedDraft({"x": {"a": 1}})
    draft.set("x", "a", None)
    assert draft.finish() == {}


def test_a_nested_draft_without_edits_is_the_base() -> None:
    base = {"x": {"a": 1}}
    draft = NestedDraft(base)
    draft.set("x", "b", None)
    assert draft.finish() is base


def test_sets_are_replaced_once() -> None:
    base = {"x": frozenset({1, 2}), "y": frozenset({3})}
    draft = SetDraft(base)
    draft.remove("x", 1)
    draft.add("x", 4)
    draft.remove("y", 3)
    draft.add("z", 5)
    made = draft.finish()
    assert made == {"x": frozenset({2, 4}), "z": frozenset({5})}


def test_the_last_edit_of_a_member_counts() -> None:
    base = {"x": frozenset({1})}
    draft = SetDraft(base)
    draft.remove("x", 1)
    draft.add("x", 1)
    draft.add("x", 2)
    draft.remove("x", 2)
    assert draft.finish() is base


def test_sets_from_nothing_are_those_that_were_filled() -> None:
    base: dict[str, frozenset[str]] = {}
    draft: SetDraft[str, str] = SetDraft(base)
    draft.remove("a", "x")
    draft.add("b", "x")
    draft.remove("b", "x")
    assert draft.finish() is base
    draft.add("a", "x")
    assert draft.finish() == {"a": {"x"}}
