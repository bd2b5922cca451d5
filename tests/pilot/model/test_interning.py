from pilot.model.interning import Interner, same_mapping, same_tuple


class Thing:
    pass


def test_the_first_value_under_a_key_stays() -> None:
    interner: Interner[list[int]] = Interner(2)
    first = interner.same("a", [1])
    assert interner.same("a", [1]) is first


def test_the_value_used_longest_ago_is_forgotten() -> None:
    interner: Interner[list[int]] = Interner(2)
    first = interner.same("a", [1])
    interner.same("b", [2])
    interner.same("a", [1])
    second = interner.same("c", [3])
    assert interner.same("a", [1]) is first
    assert interner.same("c", [3]) is second
    assert interner.same("b", [9]) == [9]


def test_tuples_of_the_same_objects_become_one() -> None:
    one, other = Thing(), Thing()
    assert same_tuple((one, other)) is same_tuple((one, other))
    assert same_tuple((one, other)) is not same_tuple((other, one))


def test_tuples_of_equal_but_other_objects_stay_apart() -> None:
    mine, yours = [1], [1]
    assert same_tuple((mine,)) is not same_tuple((yours,))


def test_mappings_of_the_same_objects_become_one() -> None:
    value = Thing()
    assert same_mapping({"a": value}) is same_mapping({"a": value})
    assert same_mapping({"a": value}) is not same_mapping({"b": value})
