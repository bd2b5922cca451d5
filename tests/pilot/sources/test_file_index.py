from hypothesis import given
from hypothesis import strategies as st

from pilot.model.objects import Event, ObjectKey
from pilot.model.virtual_service import VirtualService
from pilot.sources.file_index import FileContent, FileIndex
from pilot.sources.file_objects import decode_file

KEY = ObjectKey("VirtualService", "ns", "a")
OTHER = ObjectKey("VirtualService", "ns", "b")


def vs(host: str = "h", name: str = "a") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: ns}}\n"
        f"spec: {{hosts: [{host}], tcp: [{{route: [{{destination: {{host: db}}}}]}}]}}\n"
    )


def content(text: str) -> FileContent:
    return FileContent(decode_file(text, is_json=False))


def said(events: tuple[Event, ...]) -> dict[str, tuple[str, ...] | None]:
    """Hosts of VirtualServices by name, None for what is gone."""
    return {
        event.key.name: event.object.spec.hosts if isinstance(event.object, VirtualService) else None
        for event in events
    }


def problems(index: FileIndex) -> list[str]:
    return [str(problem) for problem in index.problems()]


def test_the_first_files_are_all_new() -> None:
    index = FileIndex()
    assert said(index.apply({"b.yaml": content(vs(name="b")), "a.yaml": content(vs())})) == {"a": ("h",), "b": ("h",)}
    assert problems(index) == []


def test_only_what_changed_is_said() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs() + "---\n" + vs(name="b"))})
    assert said(index.apply({"a.yaml": content(vs("new") + "---\n" + vs(name="b"))})) == {"a": ("new",)}


def test_an_edit_that_changes_nothing_says_nothing_and_keeps_the_object() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs())})
    before = index.live[KEY]
    assert index.apply({"a.yaml": content("# a comment\n" + vs())}) == ()
    assert index.live[KEY] is before


def test_an_object_has_the_place_of_the_document_that_counts() -> None:
    index = FileIndex()
    index.apply({"b.yaml": content(vs()), "a.yaml": content(vs(name="b") + "---\n" + vs())})
    assert index.place(KEY) == ("a.yaml", 6)
    index.apply({"a.yaml": None})
    assert index.place(KEY) == ("b.yaml", 1)
    assert index.place(OTHER) is None


def test_a_deleted_file_takes_its_objects_away() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs()), "b.yaml": content(vs(name="b"))})
    assert said(index.apply({"a.yaml": None})) == {"a": None}
    assert set(index.live) == {OTHER}


def test_an_object_that_moves_to_another_file_does_not_change() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs())})
    assert index.apply({"a.yaml": None, "b.yaml": content(vs())}) == ()
    assert said(index.apply({"b.yaml": None})) == {"a": None}


def test_the_last_good_version_of_a_broken_object_stays() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs("good"))})
    assert index.apply({"a.yaml": content(vs().replace("hosts", "hots"))}) == ()
    assert problems(index) == [
        "a.yaml:4: VirtualService ns/a: spec.hots: unknown field, did you mean hosts?; its last good version stays"
    ]
    assert index.live[KEY] == content(vs("good")).documents[0].entries[0].object
    assert said(index.apply({"a.yaml": content(vs("better"))})) == {"a": ("better",)}
    assert problems(index) == []


def test_a_broken_object_that_was_never_good_is_not_there() -> None:
    index = FileIndex()
    assert index.apply({"a.yaml": content(vs().replace("hosts", "hots"))}) == ()
    assert problems(index) == ["a.yaml:4: VirtualService ns/a: spec.hots: unknown field, did you mean hosts?"]


def test_a_broken_object_that_is_deleted_is_gone() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs())})
    index.apply({"a.yaml": content(vs() + "x: [")})
    assert said(index.apply({"a.yaml": content("# empty")})) == {"a": None}


def test_of_two_the_first_by_file_and_place_counts() -> None:
    index = FileIndex()
    assert said(index.apply({"b.yaml": content(vs("b")), "a.yaml": content("\n" + vs("a1") + "---\n" + vs("a2"))})) == {
        "a": ("a1",)
    }
    assert problems(index) == [
        "a.yaml:7: VirtualService ns/a: given twice: the one at a.yaml:2 counts, this one is ignored",
        "b.yaml:1: VirtualService ns/a: given twice: the one at a.yaml:2 counts, this one is ignored",
    ]
    assert said(index.apply({"a.yaml": None})) == {"a": ("b",)}
    assert problems(index) == []


def test_the_first_of_two_stays_while_it_is_broken() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs("a")), "b.yaml": content(vs("b"))})
    assert index.apply({"a.yaml": content(vs("a") + "x: [")}) == ()
    assert said(index.apply({"b.yaml": content(vs("b2"))})) == {}


def test_a_second_one_serves_where_the_first_was_never_good() -> None:
    index = FileIndex()
    assert said(index.apply({"a.yaml": content(vs() + "x: ["), "b.yaml": content(vs("b"))})) == {"a": ("b",)}
    assert said(index.apply({"b.yaml": content(vs("b2"))})) == {"a": ("b2",)}
    assert said(index.apply({"a.yaml": content(vs("a"))})) == {"a": ("a",)}


UNREADABLE = "this: [is broken\n"


def test_an_unreadable_document_is_the_object_that_was_in_its_place() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs() + "---\n" + vs(name="b"))})
    assert index.apply({"a.yaml": content(UNREADABLE + "---\n" + vs(name="b"))}) == ()
    assert set(index.live) == {KEY, OTHER}
    assert "VirtualService ns/a: broken YAML" in problems(index)[0]
    assert index.apply({"a.yaml": content("# moved\n---\n" + UNREADABLE + "---\n" + vs(name="b"))}) == ()
    assert said(index.apply({"a.yaml": content(vs(name="b"))})) == {"a": None}


def test_an_unreadable_document_at_a_new_place_is_what_is_missing() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs() + "---\n" + vs(name="b"))})
    assert said(index.apply({"a.yaml": content(vs(name="c") + "---\n" + vs() + "---\n" + UNREADABLE)})) == {"c": ("h",)}
    assert OTHER in index.live


def test_a_guess_never_stands_against_the_real_object() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs("old"))})
    index.apply({"a.yaml": content(UNREADABLE)})
    assert said(index.apply({"b.yaml": content(vs("new"))})) == {"a": ("new",)}
    assert len(problems(index)) == 1


def test_an_unreadable_file_keeps_what_it_held() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs())})
    assert index.apply({"a.yaml": FileContent(fault="cannot be read: permission denied")}) == ()
    assert problems(index) == ["a.yaml: cannot be read: permission denied; what it held before stays"]
    assert said(index.apply({"a.yaml": content(vs("new"))})) == {"a": ("new",)}
    assert problems(index) == []


def test_an_unknown_kind_is_reported_once() -> None:
    index = FileIndex()
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
    index.apply({"b.yaml": content(deployment + "---\n" + deployment), "a.yaml": content(vs() + "---\n" + deployment)})
    assert problems(index) == ["a.yaml:6: unknown kind apps/v1 Deployment: ignored"]
    index.apply({"0.yaml": content(deployment)})
    assert problems(index) == ["a.yaml:6: unknown kind apps/v1 Deployment: ignored"]
    index.apply({"a.yaml": None, "b.yaml": None, "0.yaml": None})
    assert problems(index) == []


def test_what_takes_away_or_breaks_is_doubtful() -> None:
    index = FileIndex()
    index.apply({"a.yaml": content(vs())})
    assert index.loses("a.yaml", None)
    assert index.loses("a.yaml", content(""))
    assert index.loses("a.yaml", content(vs() + "x: ["))
    assert index.loses("a.yaml", FileContent(fault="x"))
    assert not index.loses("a.yaml", content(vs("new")))
    assert not index.loses("b.yaml", None)


GOOD = [vs("x"), vs("y"), vs("x", "b"), vs("z", "c"), "# nothing\n"]
BAD = [vs() + "x: [", UNREADABLE, "a: 1\n", vs("5")]


def steps_of(documents: list[str]) -> st.SearchStrategy[list[dict[str, str | None]]]:
    """Sequences of changes: new texts by file, None for a file that is deleted."""
    texts = st.lists(st.sampled_from(documents), max_size=4).map("---\n".join)
    files = st.sampled_from(["a", "b", "c"])
    return st.lists(st.dictionaries(files, st.none() | texts, min_size=1, max_size=3), max_size=6)


@given(steps_of(GOOD + BAD))
def test_events_add_up_to_what_is_live(steps: list[dict[str, str | None]]) -> None:
    index = FileIndex()
    world: dict[ObjectKey, object] = {}
    for step in steps:
        changes = {
            file: None if text is None else FileContent(decode_file(text, False, index.documents(file)))
            for file, text in step.items()
        }
        for event in index.apply(changes):
            assert world.get(event.key) != event.object
            if event.object is None:
                del world[event.key]
            else:
                assert event.object.key == event.key
                world[event.key] = event.object
        assert world == index.live
        assert all(str(problem) for problem in index.problems())


@given(steps_of(GOOD))
def test_with_good_files_history_does_not_matter(steps: list[dict[str, str | None]]) -> None:
    """Without broken documents, what is live depends on the files as they are, not on how they came to be so."""
    index, final = FileIndex(), dict[str, str]()
    for step in steps:
        index.apply({file: None if text is None else content(text) for file, text in step.items()})
        for file, text in step.items():
            if text is None:
                final.pop(file, None)
            else:
                final[file] = text
    fresh = FileIndex()
    fresh.apply({file: content(text) for file, text in final.items()})
    assert fresh.live == index.live
    assert fresh.problems() == index.problems()
