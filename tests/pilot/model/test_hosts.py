import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.model import hosts

PATTERNS = st.sampled_from(["*", "*.com", "*.a.com", "*.b.a.com", "a.com", "x.a.com", "x.b.a.com", "com"])


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("reviews", "reviews.ns.svc.cluster.local"),
        ("reviews.other", "reviews.other"),
        ("fd00::1", "fd00::1"),
        ("*", "*"),
        ("", ""),
        ("*.com", "*.com"),
    ],
)
def test_a_name_without_a_dot_is_a_service_of_the_namespace(host: str, full: str) -> None:
    assert hosts.resolve_short_name(host, "ns", "cluster.local") == full


def test_a_cluster_scoped_object_leaves_names_alone() -> None:
    assert hosts.resolve_short_name("reviews", "", "cluster.local") == "reviews"


def test_a_wildcard_covers_names_and_narrower_wildcards() -> None:
    assert hosts.covers("*.a.com", "x.a.com")
    assert hosts.covers("*.a.com", "*.b.a.com")
    assert hosts.covers("*", "anything")
    assert not hosts.covers("*.a.com", "a.com")
    assert not hosts.covers("*.a.com", "*.com")
    assert not hosts.covers("*.a.com", ".com")


def test_the_intersection_is_the_narrower_pattern() -> None:
    assert hosts.intersect("*.com", "x.a.com") == "x.a.com"
    assert hosts.intersect("*.a.com", "*.com") == "*.a.com"
    assert hosts.intersect("a.com", "x.a.com") is None


@given(PATTERNS, PATTERNS)
def test_overlap_is_symmetric_and_agrees_with_intersection(one: str, other: str) -> None:
    assert hosts.overlaps(one, other) == hosts.overlaps(other, one) == (hosts.intersect(one, other) is not None)


def test_the_index_prefers_exact_then_the_longest_wildcard() -> None:
    index = hosts.HostIndex.of([("*", 0), ("*.com", 1), ("*.a.com", 2), ("x.a.com", 3), ("*.com", 9)])
    assert index.find("x.a.com") == 3
    assert index.find("y.a.com") == 2
    assert index.find("*.b.a.com") == 2
    assert index.find("b.com") == 1
    assert index.find("org") == 0


def test_the_index_finds_nothing_where_nothing_covers() -> None:
    assert hosts.HostIndex.of([("*.com", 1)]).find("a.org") is None


@given(st.lists(st.sampled_from(["*", "*.com", "*.a.com", "*-b.com", "a.com", "x.a.com", "x-b.com", "com"])), PATTERNS)
def test_what_overlaps_is_found_as_if_everything_were_compared(patterns: list[str], host: str) -> None:
    index = hosts.OverlapIndex.of((pattern, position) for position, pattern in enumerate(patterns))
    expected = {position for position, pattern in enumerate(patterns) if hosts.overlaps(pattern, host)}
    assert set(index.overlapping(host)) == expected
