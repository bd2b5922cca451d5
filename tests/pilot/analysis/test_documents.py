from pilot.analysis.documents import Broken, read
from pilot.analysis.item import Item


def test_a_broken_document_costs_no_other() -> None:
    text = "kind: A\nmetadata: {name: a}\n---\nkind: {\n---\n7\n---\nkind: B\n---\nkind: C\nmetadata: {name: c}\n"
    found = list(read("f.yaml", text, "ns"))
    assert [each.kind for each in found if isinstance(each, Item)] == ["A", "C"]
    assert [each.line for each in found if isinstance(each, Broken)] == [5, 6, 8]


def test_lists_are_unrolled() -> None:
    text = '{"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]}'
    (found,) = read("f.json", text, "ns")
    assert isinstance(found, Item)
    assert found.origin == "Pod ns/a"


def test_broken_json_is_told_with_its_file() -> None:
    (found,) = read("f.json", "{", "ns")
    assert str(found).startswith("f.json:1: broken JSON")
