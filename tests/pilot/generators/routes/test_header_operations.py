from typing import Any

from google.protobuf import json_format

from pilot.generators.routes.header_operations import header_changes, header_errors, is_one_line
from pilot.model.virtual_service import HeaderOperations, Headers


def plain(options: tuple[Any, ...]) -> list[Any]:
    return [json_format.MessageToDict(each) for each in options]


def test_replacing_comes_before_adding_each_by_name() -> None:
    request = HeaderOperations(set={"b": "1", "a": "2"}, add={"d": "3", "c": "4"}, remove=("z", "y"))
    made = header_changes(Headers(request=request))

    assert plain(made.request_add) == [
        {"header": {"key": "a", "value": "2"}, "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "b", "value": "1"}, "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "c", "value": "4"}},
        {"header": {"key": "d", "value": "3"}},
    ]
    assert made.request_remove == ("z", "y")
    assert made.response_add == made.response_remove == ()


def test_the_authority_is_rewritten_and_never_added() -> None:
    made = header_changes(
        Headers(request=HeaderOperations(add={":authority": "b"}, set={"Host": "a"}, remove=("host",)))
    )

    assert made.authority == "a"
    assert made.request_add == made.request_remove == ()


def test_reserved_headers_of_responses_stay() -> None:
    made = header_changes(Headers(response=HeaderOperations(set={":status": "1", "x": "2"}, remove=(":path",))))

    assert [each.header.key for each in made.response_add] == ["x"]
    assert made.response_remove == ()


def test_changes_of_two_levels_are_put_one_after_the_other() -> None:
    first = header_changes(Headers(request=HeaderOperations(set={"a": "1", "host": "x"})))
    then = first.then(header_changes(Headers(request=HeaderOperations(set={"b": "2"}))))

    assert [each.header.key for each in then.request_add] == ["a", "b"]
    assert then.authority == "x"
    assert header_changes(None).fields()["request_headers_to_add"] == ()


def test_what_envoy_would_refuse_is_named_by_field() -> None:
    wrong = Headers(
        request=HeaderOperations(set={"": "a", "x": "1\n2"}, add={"p": "50%"}),
        response=HeaderOperations(remove=("a\rb",)),
    )

    assert list(header_errors(wrong)) == [
        ("headers.request.set[]", "expected a header name, got ''"),
        ("headers.request.set[x]", "expected a value on one line"),
        ("headers.request.add[p]", "expected %OPERATOR%, or %% for a percent sign, got '50%'"),
        ("headers.response.remove", "expected a header name, got 'a\\rb'"),
    ]
    assert list(header_errors(Headers(request=HeaderOperations(set={"a": "%REQ(b)% 50%%"})))) == []
    assert list(header_errors(None)) == []


def test_one_line_has_no_line_ends() -> None:
    assert is_one_line("a b")
    assert not is_one_line("a\x00")
