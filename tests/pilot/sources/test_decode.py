import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pilot.model.decoding import path_text
from pilot.model.kubernetes import Pod
from pilot.model.objects import ObjectKey
from pilot.model.problem import Severity
from pilot.model.virtual_service import VirtualService
from pilot.sources.decode import Decoded, decode_document
from pilot.sources.kinds import KINDS
from pilot.sources.yaml_text import parse_yaml, split_documents
from tests.shared import GOLDEN, shared_path


def decoded(text: str) -> list[Decoded]:
    return list(decode_document(yaml.safe_load(text)))


def one(text: str) -> Decoded:
    (found,) = decoded(text)
    return found


def faults(found: Decoded) -> list[tuple[str, str]]:
    return [(path_text(fault.path), fault.message) for fault in found.faults]


REVIEWS = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews, namespace: a}, %s}"


def test_a_document_is_an_object_with_its_key() -> None:
    found = one(REVIEWS % "spec: {hosts: [reviews], tcp: [{route: [{destination: {host: db}}]}]}")
    assert found.key == ObjectKey("VirtualService", "a", "reviews")
    assert isinstance(found.object, VirtualService)
    assert found.object.spec.hosts == ("reviews",)
    assert found.object.key == found.key
    assert found.faults == ()


def test_an_object_without_namespace_is_in_the_default_one() -> None:
    found = one("{apiVersion: v1, kind: Pod, metadata: {name: p}}")
    assert found.key == ObjectKey("Pod", "default", "p")
    assert isinstance(found.object, Pod)
    assert found.object.namespace == "default"


def test_a_kind_without_namespaces_has_none() -> None:
    found = one("{apiVersion: v1, kind: Node, metadata: {name: n, namespace: oops}}")
    assert found.key == ObjectKey("Node", "", "n")
    assert found.object is not None
    assert found.object.namespace == ""


def test_lists_are_unrolled_with_the_place_of_each_item() -> None:
    found = decoded(
        f"{{apiVersion: v1, kind: List, items: [{REVIEWS % 'spec: {}'}, "
        "{apiVersion: v1, kind: PodList, items: [{metadata: {name: p}}, {metadata: {name: q}}]}]}"
    )
    assert [(each.path, str(each.key)) for each in found] == [
        (("items", 0), "VirtualService a/reviews"),
        (("items", 1, "items", 0), "Pod default/p"),
        (("items", 1, "items", 1), "Pod default/q"),
    ]


def test_an_empty_document_or_list_is_nothing() -> None:
    assert decoded("") == []
    assert decoded("{apiVersion: v1, kind: List, items: []}") == []
    assert decoded("{apiVersion: v1, kind: List, items: null}") == []


def test_a_list_of_something_else_is_a_fault() -> None:
    assert faults(one("{apiVersion: v1, kind: List, items: {a: 1}}")) == [("items", "expected a list, got a mapping")]
    assert faults(one("{apiVersion: v1, kind: List, items: [3]}")) == [("", "expected an object, got the number 3")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[1]", ("", "expected an object, got a list")),
        ("text", ("", 'expected an object, got the string "text"')),
        ("{a: 1}", ("kind", "expected the kind of an object, got nothing")),
        ("{kind: 5}", ("kind", "expected the kind of an object, got the number 5")),
        ("{kind: Pod}", ("apiVersion", "expected an API version such as networking.istio.io/v1, got nothing")),
        ("{kind: Pod, apiVersion: v1}", ("metadata", "expected a mapping with a name, got nothing")),
        ("{kind: Pod, apiVersion: v1, metadata: {}}", ("metadata.name", "expected a name, got nothing")),
        ("{kind: Pod, apiVersion: v1, metadata: {name: 5}}",
         ("metadata.name", "expected a string, got the number 5 (put it in quotes)")),
        ("{kind: Pod, apiVersion: v1, metadata: {name: A/B}}",
         ("metadata.name", 'expected a name of lower case letters, digits, "-" and ".", got the string "A/B"')),
        ("{kind: Pod, apiVersion: v7, metadata: {name: p}}", ("apiVersion", "expected one of v1, got v7")),
        ("{kind: virtualservice, apiVersion: networking.istio.io/v1}",
         ("kind", "unknown kind, did you mean VirtualService?")),
        (REVIEWS % "spec: {hots: [a]}", ("spec.hots", "unknown field, did you mean hosts?")),
        (REVIEWS % "spec: {hosts: a}", ("spec.hosts", 'expected a list, got the string "a"')),
        (REVIEWS % "specs: {hosts: [a]}", ("specs", "unknown field, did you mean spec?")),
        (REVIEWS.replace("namespace: a", "lables: {}") % "spec: {}",
         ("metadata.lables", "unknown field, did you mean labels?")),
    ],
)  # fmt: skip
def test_bad_documents_say_what_was_expected_and_what_was_there(text: str, fault: tuple[str, str]) -> None:
    found = one(text)
    assert found.object is None
    assert faults(found) == [fault]


def test_a_broken_object_still_says_which_it_is() -> None:
    assert one(REVIEWS % "spec: {hosts: 5}").key == ObjectKey("VirtualService", "a", "reviews")
    assert one(REVIEWS.replace("io/v1", "io/v9") % "spec: {}").key == ObjectKey("VirtualService", "a", "reviews")


def test_core_objects_may_hold_anything_else() -> None:
    found = one("{apiVersion: v1, kind: Pod, metadata: {name: p, odd: 1}, spec: {volumes: []}, more: 1}")
    assert found.object is not None
    assert found.faults == ()


def test_nulls_of_generated_manifests_are_harmless() -> None:
    found = one(
        "{apiVersion: v1, kind: Service, metadata: {name: a, creationTimestamp: null, namespace: null},"
        " spec: {ports: null, selector: null}, status: {loadBalancer: {}}}"
    )
    assert found.key == ObjectKey("Service", "default", "a")
    assert found.object is not None


def test_a_kind_that_nobody_knows_is_named_and_nothing_else() -> None:
    found = one("{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {}}")
    assert found == Decoded((), unknown_kind="apps/v1 Deployment")


def test_recorded_bookinfo_decodes_without_a_fault() -> None:
    check_inputs(sorted(GOLDEN.glob("*/input*.yaml")))


@pytest.mark.shared
def test_every_recorded_input_is_served() -> None:
    assert check_inputs(sorted(shared_path("golden").glob("*/input*.yaml"))) > 1000


def check_inputs(files: list[Any]) -> int:
    """Only kinds that are not in the table may be left over. Returns the number of objects."""
    count = 0
    for file in files:
        for chunk in split_documents(file.read_text()):
            for found in decode_document(parse_yaml(chunk.text).value):
                wrong = [each for each in found.faults if each.severity is Severity.ERROR]
                assert wrong == [], (file, chunk.line, found.key)
                assert (found.object is None) == bool(found.unknown_kind)
                count += found.object is not None
    assert count
    return count


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
LIKELY_NAMES = st.sampled_from(
    ["spec", "metadata", "name", "namespace", "labels", "hosts", "ports", "number", "endpoints", "addresses", "address",
     "servers", "port", "subsets", "egress", "ingress", "status", "http", "route", "items", "portLevelMtls", "8080"]
)  # fmt: skip
LIKELY = st.recursive(
    JSON | st.sampled_from(["10.0.0.1", "a.b", "*", "x/y", 80, 70000, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LIKELY_NAMES, inner, max_size=5),
    max_leaves=25,
)
SPECS = st.dictionaries(LIKELY_NAMES, LIKELY, max_size=5)


@given(JSON | LIKELY)
def test_any_json_gives_objects_or_faults_never_an_exception(value: object) -> None:
    for found in decode_document(value):
        assert found.object is not None or found.faults or found.unknown_kind


@given(st.sampled_from(sorted(KINDS)), SPECS, SPECS)
def test_any_json_in_a_known_kind_gives_objects_or_faults(group_kind: tuple[str, str], spec: Any, rest: Any) -> None:
    kind = KINDS[group_kind]
    head = {"apiVersion": kind.api_versions[0], "kind": kind.name, "metadata": {"name": "x"}, "spec": spec}
    for value in (rest | head, head | rest):
        for found in decode_document(json.loads(json.dumps(value))):
            errors = [fault for fault in found.faults if fault.severity is Severity.ERROR]
            assert found.object is not None or errors or found.unknown_kind
            if found.object is not None:
                assert found.object.key == found.key
