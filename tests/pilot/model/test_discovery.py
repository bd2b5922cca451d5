from pilot.model import discovery
from pilot.model.kubernetes import Namespace, Node, Pod
from pilot.model.object_store import ObjectStore, Replacement, apply_events
from pilot.model.objects import Event, Metadata, Object
from pilot.model.selectors import LabelSelector

IN = (LabelSelector(match_labels={"mesh": "in"}),)


def namespace(name: str, **labels: str) -> Namespace:
    return Namespace(metadata=Metadata(name=name, labels=labels))


def pod(name: str, owner: str) -> Pod:
    return Pod(metadata=Metadata(name=name, namespace=owner))


def store_of(*items: Object) -> ObjectStore:
    return apply_events(ObjectStore(), [Event(each.key, each) for each in items])[0]


def test_without_selectors_everything_is_seen() -> None:
    replaced = (Replacement(pod("p", "a").key, None, pod("p", "a")),)
    assert discovery.select_replacements(ObjectStore(), ObjectStore(), replaced, ()) == replaced
    assert discovery.is_selected(ObjectStore(), (), "a")


def test_cluster_scoped_objects_are_always_seen() -> None:
    node = Node(metadata=Metadata(name="n"))
    replaced = (Replacement(node.key, None, node),)
    assert discovery.select_replacements(ObjectStore(), store_of(node), replaced, IN) == replaced


def test_only_objects_of_selected_namespaces_are_seen() -> None:
    store = store_of(namespace("a", mesh="in"), namespace("b"))
    seen, unseen = pod("p", "a"), pod("p", "b")
    replaced = [Replacement(each.key, None, each) for each in (seen, unseen)]
    assert discovery.select_replacements(store, store, replaced, IN) == (replaced[0],)


def test_an_undeclared_namespace_has_only_its_name() -> None:
    by_name = (LabelSelector(match_labels={discovery.NAME_LABEL: "a"}),)
    assert discovery.is_selected(ObjectStore(), by_name, "a")
    assert not discovery.is_selected(ObjectStore(), by_name, "b")


def test_one_of_several_selectors_is_enough() -> None:
    either = (LabelSelector(match_labels={"x": "1"}), LabelSelector(match_labels={"y": "1"}))
    assert discovery.is_selected(store_of(namespace("a", y="1")), either, "a")


def test_a_namespace_that_enters_brings_its_objects() -> None:
    before = store_of(namespace("a"), pod("p", "a"))
    entered = namespace("a", mesh="in")
    after = store_of(entered, pod("p", "a"))
    replaced = [Replacement(entered.key, namespace("a"), entered)]
    seen = discovery.select_replacements(before, after, replaced, IN)
    assert Replacement(pod("p", "a").key, None, pod("p", "a")) in seen
    left = discovery.select_replacements(after, before, [Replacement(entered.key, entered, namespace("a"))], IN)
    assert Replacement(pod("p", "a").key, pod("p", "a"), None) in left
