import pytest

from pilot.model.visibility import Audience, Visible, audience, split_by_audience


@pytest.mark.parametrize(
    ("export_to", "default", "expected"),
    [
        ((), (), Audience(public=True)),
        ((), ("*",), Audience(public=True)),
        ((), (".",), Audience(namespaces=frozenset({"own"}))),
        (("*",), (".",), Audience(public=True)),
        ((".", "b"), ("*",), Audience(namespaces=frozenset({"own", "b"}))),
        (("~",), ("*",), Audience()),
        (("own",), ("*",), Audience(namespaces=frozenset({"own"}))),
    ],
)
def test_who_sees_an_object(export_to: tuple[str, ...], default: tuple[str, ...], expected: Audience) -> None:
    assert audience(export_to, default, "own") == expected


def test_an_audience_includes_its_namespaces() -> None:
    assert Audience(public=True).includes("any")
    assert Audience(namespaces=frozenset({"a"})).includes("a")
    assert not Audience(namespaces=frozenset({"a"})).includes("b")


def split() -> Visible[tuple[str, str, tuple[str, ...]]]:
    items = [
        ("public", "a", ("*",)),
        ("private", "a", (".",)),
        ("to b", "a", ("b",)),
        ("both", "a", (".", "b")),
        ("nobody", "a", ("~",)),
    ]
    return split_by_audience(items, lambda each: each[1], lambda each: audience(each[2], (), each[1]))


def test_a_namespace_sees_private_then_exported_then_public() -> None:
    visible = split()
    assert [each[0] for each in visible.to("a")] == ["private", "both", "public"]
    assert [each[0] for each in visible.to("b")] == ["to b", "both", "public"]
    assert [each[0] for each in visible.to("c")] == ["public"]


def test_a_namespace_without_anything_of_its_own_is_plain() -> None:
    visible = split()
    assert visible.is_plain("c")
    assert not visible.is_plain("a")
    assert not visible.is_plain("b")
    assert visible.to("c") is visible.public
