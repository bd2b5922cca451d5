from pilot.model.kubernetes import KubernetesService, Pod
from pilot.model.object_store import ObjectStore, Replacement, apply_events, replace_objects
from pilot.model.objects import Event, Metadata, ObjectKey


def pod(name: str, **labels: str) -> Pod:
    return Pod(metadata=Metadata(name=name, namespace="a", labels=labels))


def put(*items: Pod) -> list[Event]:
    return [Event(each.key, each) for each in items]


def test_objects_are_found_by_kind_namespace_and_name() -> None:
    store, replaced = apply_events(ObjectStore(), put(pod("one"), pod("two")))
    assert store.get(Pod, "a", "one") == pod("one")
    assert store.get(KubernetesService, "a", "one") is None
    assert store.find(ObjectKey("Pod", "a", "two")) == pod("two")
    assert [each.name for each in store.of(Pod)] == ["one", "two"]
    assert list(store.of(KubernetesService)) == []
    assert len(list(store.in_namespace("a"))) == len(list(store.all())) == len(store) == 2
    assert replaced[0] == Replacement(ObjectKey("Pod", "a", "one"), None, pod("one"))


def test_equal_objects_change_nothing() -> None:
    store, _ = apply_events(ObjectStore(), put(pod("one")))
    again, replaced = apply_events(store, put(pod("one")))
    assert again is store
    assert replaced == ()


def test_several_events_of_one_object_are_one_replacement() -> None:
    store, _ = apply_events(ObjectStore(), put(pod("one")))
    key = pod("one").key
    after, replaced = apply_events(store, [Event(key, None), Event(key, pod("one", app="x"))])
    assert replaced == (Replacement(key, pod("one"), pod("one", app="x")),)
    assert after.find(key) == pod("one", app="x")
    same, replaced = apply_events(store, [Event(key, None), Event(key, pod("one"))])
    assert (same, replaced) == (store, ())


def test_the_last_object_leaves_nothing_behind() -> None:
    store, _ = apply_events(ObjectStore(), put(pod("one")))
    after, _ = apply_events(store, [Event(pod("one").key, None)])
    assert after == ObjectStore()


def test_no_replacements_leave_the_store() -> None:
    store = ObjectStore()
    assert replace_objects(store, ()) is store
