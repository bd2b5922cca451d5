from pilot.xds.names import Names


def test_equal_sets_become_one_object() -> None:
    names = Names()
    first = frozenset(("a", "b"))
    assert names.same(first) is first
    assert names.same(frozenset(("b", "a"))) is first
    assert names.same(frozenset("a")) is not first
    assert len(names) == 1


def test_set_that_nobody_holds_is_forgotten() -> None:
    names = Names()
    held = names.same(frozenset(("a", "b")))
    assert len(names) == 1
    del held
    assert len(names) == 0
