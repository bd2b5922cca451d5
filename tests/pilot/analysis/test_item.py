from pilot.analysis.item import Place, item_of
from tests.pilot.analysis.worlds import FRUIT, items


def test_an_object_says_what_and_where_it_is() -> None:
    (fruit,) = items(FRUIT)
    assert (fruit.origin, fruit.group) == ("Service shop/fruit", "")
    assert fruit.reference() == "all.yaml:2"
    assert fruit.reference(("spec", "ports")) == "all.yaml:3"


def test_kinds_of_the_whole_cluster_have_no_namespace() -> None:
    value = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "b"}}
    assert item_of(value, "default").origin == "Namespace a"
    assert item_of({**value, "kind": "Pod"}, "default").origin == "Pod b/a"


def test_without_a_text_the_place_is_where_the_document_begins() -> None:
    assert item_of({"kind": "Pod"}, "x", Place("a.json", 1)).reference(("spec",)) == "a.json:1"
    assert item_of({"kind": "Pod"}, "x").reference(("spec",)) == ""
