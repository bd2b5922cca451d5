"""Rules that several kinds share."""

import pytest

from pilot.model.decoding import path_text
from pilot.model.duration import parse_duration
from pilot.model.objects import Metadata
from pilot.model.virtual_service import HeaderOperations, Headers
from pilot.validation import forms
from pilot.validation.finding import Weight


@pytest.mark.parametrize(("text", "is_right"), [("1ms", True), ("0s", False), ("999us", False), ("1500us", False)])
def test_durations_are_whole_milliseconds(text: str, is_right: bool) -> None:
    assert (not list(forms.duration(parse_duration(text), ("x",)))) is is_right


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        ("plain", True),
        ("100%%", True),
        ("%REQ(:path)%", True),
        ("%START_TIME(%s)%", True),
        ("a %", False),
        ("50%x", False),
        ("a\nb", False),
    ],
)
def test_values_of_headers_hold_whole_commands_only(value: str, is_right: bool) -> None:
    assert (forms.header_value_fault(value) is None) is is_right


def test_the_authority_is_changed_in_requests_only() -> None:
    operations = HeaderOperations(set={":authority": "a", ":path": "b", "": "c"}, add={"host": "d"}, remove=("host",))
    found = [path_text(each.path) for each in forms.header_changes(Headers(operations, operations), ("h",))]
    assert found == [
        'h.request.set[":path"]',
        'h.request.set[""]',
        "h.request.remove[0]",
        'h.response.set[":authority"]',
        'h.response.set[":path"]',
        'h.response.set[""]',
        "h.response.add.host",
        "h.response.remove[0]",
    ]


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ((), 0),
        (("*",), 0),
        ((".", "a"), 0),
        (("*", "a"), 1),
        (("a", "a"), 1),
        ((".", "ns"), 1),
        (("A_b",), 1),
        (("~",), 1),
    ],
)
def test_an_object_is_exported_to_namespaces_once_or_to_all(given: tuple[str, ...], count: int) -> None:
    assert len(list(forms.export_to(given, "ns", ("e",)))) == count


def test_the_control_planes_own_annotations_are_refused() -> None:
    (found,) = forms.annotations(Metadata(annotations={"internal.istio.io/webhook-always-reject": "true"}))
    assert found.weight is Weight.REFUSED
