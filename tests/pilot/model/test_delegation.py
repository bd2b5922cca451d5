import pytest

from pilot.model.delegation import conflicts, merge_delegate, merge_matches
from pilot.model.duration import Duration
from pilot.model.virtual_service import (
    Destination,
    HeaderOperations,
    Headers,
    HTTPMatchRequest,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    StringMatch,
)

HERE = HTTPRouteDestination(destination=Destination(host="here"))


def exact(text: str) -> StringMatch:
    return StringMatch(exact=text)


def prefix(text: str) -> StringMatch:
    return StringMatch(prefix=text)


def match(**fields: object) -> HTTPMatchRequest:
    return HTTPMatchRequest(**fields)  # type: ignore[arg-type]  # whatever a test says


@pytest.mark.parametrize(
    ("root", "delegate", "conflicting"),
    [
        (match(uri=prefix("/a")), match(uri=prefix("/a/b")), False),
        (match(uri=prefix("/a")), match(uri=exact("/a/b")), False),
        (match(uri=prefix("/a")), match(uri=prefix("/b")), True),
        (match(uri=prefix("/a")), match(uri=StringMatch()), True),
        (match(uri=exact("/a")), match(uri=exact("/a")), False),
        (match(uri=exact("/a")), match(uri=prefix("/a")), True),
        (match(uri=StringMatch(regex=".*")), match(uri=exact("/a")), True),
        (match(uri=StringMatch(regex=".*")), match(), False),
        (match(uri=StringMatch()), match(uri=exact("/a")), False),
        (match(method=exact("GET")), match(method=exact("PUT")), True),
        (match(headers={"x": exact("1")}), match(headers={"y": exact("2")}), False),
        (match(headers={"x": exact("1")}), match(headers={"x": exact("2")}), True),
        (match(query_params={"x": exact("1")}), match(query_params={"x": exact("2")}), True),
        (match(without_headers={"x": exact("1")}), match(without_headers={"x": exact("2")}), True),
        (match(port=80), match(port=81), True),
        (match(port=80), match(), False),
        (match(source_namespace="a"), match(source_namespace="b"), True),
        (match(gateways=("a", "b")), match(gateways=("a",)), False),
        (match(gateways=("a",)), match(gateways=("a", "b")), True),
        (match(ignore_uri_case=True), match(), True),
        (match(source_labels={"a": "1"}), match(source_labels={"a": "2"}), True),
    ],
)
def test_conflicts(root: HTTPMatchRequest, delegate: HTTPMatchRequest, conflicting: bool) -> None:
    assert conflicts(root, delegate) is conflicting


def test_every_root_condition_meets_every_delegate_condition() -> None:
    root = (match(name="r", uri=prefix("/a"), headers={"x": exact("1")}), match(uri=prefix("/b")))
    delegate = (match(uri=exact("/b/2"), stat_prefix="s"), match(name="d", port=80))
    assert merge_matches(root, delegate) == (
        match(uri=exact("/b/2"), stat_prefix="s"),
        match(name="r-d", uri=prefix("/a"), headers={"x": exact("1")}, port=80),
        match(name="d", uri=prefix("/b"), port=80),
    )


def test_a_condition_of_the_delegate_that_fits_nowhere_is_a_conflict() -> None:
    root = (match(uri=prefix("/a")),)
    assert merge_matches(root, (match(uri=prefix("/a/1")), match(uri=prefix("/c")))) is None


def test_one_side_without_conditions_takes_the_others() -> None:
    one = (match(uri=prefix("/a")),)
    assert merge_matches(one, ()) == one
    assert merge_matches((), one) == one
    assert merge_matches((), ()) == ()
    assert merge_matches(one, (match(uri=prefix("/b")),)) is None


def test_a_route_of_the_delegate_inherits_what_it_does_not_say() -> None:
    root = HTTPRoute(
        name="root",
        timeout=Duration(seconds=5),
        rewrite=HTTPRewrite(uri="/r"),
        headers=Headers(request=HeaderOperations(remove=("root",))),
    )
    own = Headers(response=HeaderOperations(remove=("own",)))
    route = HTTPRoute(name="leaf", route=(HERE,), timeout=Duration(seconds=1), headers=own)
    (merged,), dropped = merge_delegate(root, (route,))
    assert dropped == ()
    assert merged == HTTPRoute(
        name="root-leaf", route=(HERE,), timeout=Duration(seconds=1), rewrite=HTTPRewrite(uri="/r"), headers=own
    )


def test_conflicting_routes_are_dropped_by_name() -> None:
    root = HTTPRoute(match=(match(uri=prefix("/a")),))
    routes = (
        HTTPRoute(name="fits", match=(match(uri=prefix("/a/b")),)),
        HTTPRoute(name="not", match=(match(uri=prefix("/c")),)),
        HTTPRoute(match=(match(uri=prefix("/c")),)),
    )
    merged, dropped = merge_delegate(root, routes)
    assert [each.name for each in merged] == ["fits"]
    assert dropped == ("not", "2")
