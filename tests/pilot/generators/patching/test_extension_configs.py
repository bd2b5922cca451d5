"""Extension configurations that patches add."""

from pilot.generators.patching.extension_configs import build
from pilot.generators.patching.plan import NO_PLAN
from tests.pilot.generators.patching.filters_of import lua, patch, plan


def test_only_what_is_asked_for_is_there() -> None:
    made = plan(patch("EXTENSION_CONFIG", "ADD", lua("a")), patch("EXTENSION_CONFIG", "ADD", lua("b")))
    assert [each.name for each in build(made, frozenset({"b", "c"}))] == ["b"]
    assert build(NO_PLAN, frozenset({"b"})) == ()


def test_of_two_with_one_name_the_first_counts() -> None:
    other = {**lua("a"), "typed_config": {**lua("a")["typed_config"], "inline_code": "-- x"}}
    first = plan(patch("EXTENSION_CONFIG", "ADD", lua("a")))
    both = plan(patch("EXTENSION_CONFIG", "ADD", lua("a")), patch("EXTENSION_CONFIG", "ADD", other))
    names = frozenset({"a"})
    assert build(first, names)[0].version == build(both, names)[0].version
