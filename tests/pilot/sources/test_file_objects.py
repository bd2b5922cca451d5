import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.model.objects import ObjectKey
from pilot.model.problem import Severity
from pilot.sources import file_objects
from pilot.sources.file_objects import Document, LineFault, decode_file, keys_of

A = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: ns}
spec:
  hosts: [a]
  tcp: [{route: [{destination: {host: db}}]}]
"""
B = A.replace("name: a", "name: b")
KEY_A, KEY_B = ObjectKey("VirtualService", "ns", "a"), ObjectKey("VirtualService", "ns", "b")


def lines_and_faults(documents: tuple[Document, ...]) -> list[tuple[int, str, str]]:
    """(line in the file, field, message)."""
    return [
        (document.line + fault.line - 1, fault.field, fault.message)
        for document in documents
        for entry in document.entries
        for fault in entry.faults
    ]


def test_every_document_gives_its_objects_with_their_lines() -> None:
    documents = decode_file(f"# two\n---\n{A}---\n{B}", is_json=False)
    assert {key: [line for line, _ in mentions] for key, mentions in keys_of(documents).items()} == {
        KEY_A: [3],
        KEY_B: [10],
    }


def test_a_fault_is_on_the_line_of_its_field() -> None:
    documents = decode_file(f"{A}---\n{B}  hots: [b]\n  http:\n  - timeout: 5\n", is_json=False)
    assert lines_and_faults(documents) == [
        (14, "spec.hots", "unknown field, did you mean hosts?"),
        (16, "spec.http[0].timeout", 'expected a duration such as "10s", got the number 5'),
    ]


def test_items_of_a_list_have_their_own_lines() -> None:
    items = "".join("- " + text.replace("\n", "\n  ").rstrip() + "\n" for text in (A, B.replace("[a]", "x")))
    documents = decode_file(f"apiVersion: v1\nkind: List\nitems:\n{items}", is_json=False)
    assert [(entry.key, entry.line) for entry in documents[0].entries] == [(KEY_A, 4), (KEY_B, 10)]
    assert lines_and_faults(documents) == [(14, "spec.hosts", 'expected a list, got the string "x"')]


def test_a_broken_document_does_not_cost_the_others() -> None:
    documents = decode_file(f"{A}---\nkind: [\n---\n{B}", is_json=False)
    assert list(keys_of(documents)) == [KEY_A, KEY_B]
    assert lines_and_faults(documents) == [
        (9, "", "broken YAML: while parsing a flow node, did not find expected node content")
    ]


def test_a_broken_document_says_which_object_it_is_where_a_person_could_read_it() -> None:
    for text in (
        A + "  http: [\n",
        A.replace("{name: a, namespace: ns}", "\n  labels: {x: y}\n  namespace: ns\n  name: 'a'") + "  x: y: z\n",
        '# c\napiVersion: "networking.istio.io/v1"\nkind: "VirtualService"\nmetadata: {namespace: ns, name: a}\n}\n',
    ):
        (document,) = decode_file(text, is_json=False)
        assert [(entry.key, entry.object) for entry in document.entries] == [(KEY_A, None)]


def test_a_broken_document_without_namespace_is_in_the_default_one() -> None:
    (document,) = decode_file("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nx: [\n", is_json=False)
    assert document.entries[0].key == ObjectKey("Pod", "default", "p")
    (document,) = decode_file("apiVersion: v1\nkind: Node\nmetadata:\n  name: n\nx: [\n", is_json=False)
    assert document.entries[0].key == ObjectKey("Node", "", "n")
    (document,) = decode_file("apiVersion: v1\nkind: Unheard\nmetadata:\n  name: n\nx: [\n", is_json=False)
    assert document.entries[0].key is None


def test_a_key_given_twice_is_a_warning() -> None:
    (document,) = decode_file(A + "  hosts: [z]\n", is_json=False)
    (entry,) = document.entries
    assert entry.faults == (LineFault(7, "spec.hosts", "key given twice, the last one counts", Severity.WARNING),)
    assert entry.object is not None


def test_what_did_not_change_stays_the_same_object() -> None:
    before = decode_file(f"{A}---\n{B}", is_json=False)
    after = decode_file(f"# new\n---\n{A}---\n{B}  exportTo: ['*']\n", is_json=False, before=before)
    (_, old_a), (_, old_b) = keys_of(before)[KEY_A][0], keys_of(before)[KEY_B][0]
    (_, new_a), (_, new_b) = keys_of(after)[KEY_A][0], keys_of(after)[KEY_B][0]
    assert new_b.object != old_b.object
    again = decode_file(f"{B}  exportTo: ['*']\n---\n{A}", is_json=False, before=after)
    assert keys_of(again)[KEY_A][0][1].object == old_a.object == new_a.object
    unchanged = decode_file(f"{A}---\n{B}", is_json=False, before=before)
    assert all(one.entries is other.entries for one, other in zip(before, unchanged, strict=True))


def test_json_files_hold_one_value_or_several() -> None:
    value = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    text = f"{json.dumps(value, indent=2)}\n{json.dumps(value | {'metadata': {'name': 'q'}})}\n"
    documents = decode_file(text, is_json=True)
    assert {key.name: mentions[0][0] for key, mentions in keys_of(documents).items()} == {"p": 1, "q": 8}


def test_faults_in_json_have_their_lines() -> None:
    value = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "p"}, "spec": {"x": 1}}
    documents = decode_file("\n" + json.dumps(value, indent=1), is_json=True)
    ((line, field, message),) = lines_and_faults(documents)
    assert (line, field) == (9, "spec.x")
    assert message.startswith("unknown field, expected one of workloadSelector, ingress, egress")


def test_broken_json_says_line_and_reason() -> None:
    assert lines_and_faults(decode_file('{"a": 1}\n{\n"a": tru}\n', is_json=True))[1] == (
        3, "", "broken JSON: expecting value",
    )  # fmt: skip
    for text, reason in (
        ("[" * 100_000, "nested too deep"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('"\\ud800"', "half a surrogate pair in a string"),
    ):
        ((_, _, message),) = lines_and_faults(decode_file(text, is_json=True))
        assert message == f"broken JSON: {reason}"


def test_a_file_has_a_limit_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_objects, "MAX_DOCUMENTS", 3)
    documents = decode_file("---\n".join([A] * 5), is_json=False)
    assert len(documents) == 4
    assert lines_and_faults(documents) == [(21, "", "more than 3 documents in a file: the rest is not read")]


@given(st.text(max_size=60), st.booleans())
def test_any_text_gives_documents(text: str, is_json: bool) -> None:
    with suppress(UnicodeEncodeError):  # no file holds half a surrogate pair
        text.encode()
        for document in decode_file(text, is_json=is_json):
            assert document.line >= 1
            assert all(entry.object or entry.faults or entry.unknown_kind for entry in document.entries)
