import msgspec
import pytest

from pilot.model.objects import Event, Metadata, Object, ObjectKey, alternatives_fault, json_name
from pilot.model.virtual_service import StringMatch, VirtualService
from pilot.resources import Origin


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("host", "host"),
        ("export_to", "exportTo"),
        ("consecutive_5xx_errors", "consecutive5xxErrors"),
        ("http1_max_pending_requests", "http1MaxPendingRequests"),
        ("enable_64bit_trace_id", "enable64bitTraceId"),
        ("from_", "from"),
    ],
)
def test_names_in_yaml_follow_protobufs_rule(attribute: str, name: str) -> None:
    assert json_name(attribute) == name


def test_an_object_knows_its_key_origin_and_creation() -> None:
    made = VirtualService(metadata=Metadata(name="a", namespace="b", creation_timestamp="2024-01-01T00:00:00Z"))
    assert made.key == ObjectKey("VirtualService", "b", "a")
    assert made.origin == Origin("VirtualService", "b", "a")
    assert (made.name, made.namespace, made.created) == ("a", "b", "2024-01-01T00:00:00Z")
    assert Object().created == ""


def test_a_key_reads_as_a_person_says_it() -> None:
    assert str(ObjectKey("Gateway", "default", "web")) == "Gateway default/web"
    assert str(ObjectKey("Namespace", "", "default")) == "Namespace default"


def test_objects_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Metadata().name = "x"  # type: ignore[misc]


def test_objects_compare_by_value() -> None:
    assert VirtualService(metadata=Metadata(name="a")) == VirtualService(metadata=Metadata(name="a"))
    assert Event(ObjectKey("a", "b", "c"), None) == Event(ObjectKey("a", "b", "c"), None)


def test_a_message_with_two_fields_of_one_oneof_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="expected at most one of exact, prefix, regex, got exact and regex"):
        StringMatch(exact="a", regex="b")
    with pytest.raises(msgspec.ValidationError, match="expected at most one of exact, prefix, regex"):
        msgspec.convert({"exact": "", "prefix": ""}, StringMatch)
    assert StringMatch().exact is None


def test_alternatives_are_named_as_in_yaml() -> None:
    message = alternatives_fault(("ring_hash", "maglev"), ["ring_hash", "maglev"])
    assert message == "expected at most one of ringHash, maglev, got ringHash and maglev"
