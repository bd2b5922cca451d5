"""Names that filters had before."""

from pilot.model.filter_names import means_filter


def test_a_filter_is_meant_by_its_name_and_by_the_one_before() -> None:
    assert means_filter("envoy.filters.http.router", "envoy.filters.http.router")
    assert means_filter("envoy.router", "envoy.filters.http.router")
    assert means_filter("envoy.router", "envoy.router")
    assert not means_filter("envoy.filters.http.router", "envoy.router")
    assert not means_filter("", "envoy.filters.http.router")
