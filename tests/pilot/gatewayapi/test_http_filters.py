"""Filters in Istio's words."""

from pilot.gatewayapi.backends import Context
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.http_filters import Steps, read_filters
from pilot.gatewayapi.route import (
    BackendReference,
    Cors,
    Filter,
    Fraction,
    HeaderFilter,
    HeaderValue,
    PathModifier,
    RequestMirror,
    RequestRedirect,
    UrlRewrite,
)
from pilot.model.virtual_service import RedirectPortSelection, StringMatch, UnmatchedPreflights

CONTEXT = Context(Grants(), Referrer("HTTPRoute", "app"), "cluster.local", is_mesh=False)


def read(*filters: Filter) -> Steps:
    """Filters that are all known."""
    steps = read_filters(filters, CONTEXT)
    assert isinstance(steps, Steps)
    return steps


def test_headers_in_both_directions() -> None:
    changes = HeaderFilter(set=(HeaderValue("a", "1"),), add=(HeaderValue("b", "2"),), remove=("c",))
    steps = read(
        Filter(type="RequestHeaderModifier", request_header_modifier=changes), Filter(type="ResponseHeaderModifier")
    )
    assert steps.headers is not None
    assert steps.headers.request is not None
    assert (steps.headers.request.set, steps.headers.request.add) == ({"a": "1"}, {"b": "2"})
    assert steps.headers.request.remove == ("c",)
    assert steps.headers.response is not None
    assert read().headers is None


def test_redirects_derive_the_port_they_do_not_say() -> None:
    steps = read(Filter(type="RequestRedirect", request_redirect=RequestRedirect(hostname="a.com")))
    assert steps.redirect is not None
    assert steps.redirect.redirect_code == 302
    assert steps.redirect.derive_port is RedirectPortSelection.FROM_REQUEST_PORT
    steps = read(Filter(type="RequestRedirect", request_redirect=RequestRedirect(scheme="https")))
    assert steps.redirect is not None
    assert steps.redirect.derive_port is RedirectPortSelection.FROM_PROTOCOL_DEFAULT
    path = PathModifier(type="ReplacePrefixMatch", replace_prefix_match="/p")
    steps = read(Filter(type="RequestRedirect", request_redirect=RequestRedirect(port=81, path=path)))
    assert steps.redirect is not None
    assert (steps.redirect.port, steps.redirect.derive_port, steps.redirect.uri) == (81, None, "%PREFIX()%/p")


def test_rewrites_of_prefix_and_whole_path() -> None:
    prefix = PathModifier(type="ReplacePrefixMatch", replace_prefix_match="")
    steps = read(Filter(type="URLRewrite", url_rewrite=UrlRewrite(hostname="a.com", path=prefix)))
    assert steps.rewrite is not None
    assert (steps.rewrite.authority, steps.rewrite.uri) == ("a.com", "/")
    slash = PathModifier(type="ReplacePrefixMatch", replace_prefix_match="/v2/")
    steps = read(Filter(type="URLRewrite", url_rewrite=UrlRewrite(path=slash)))
    assert steps.rewrite is not None
    assert steps.rewrite.uri == "/v2"
    full = PathModifier(type="ReplaceFullPath", replace_full_path="/full")
    steps = read(Filter(type="URLRewrite", url_rewrite=UrlRewrite(path=full)))
    assert steps.rewrite is not None
    assert steps.rewrite.uri_regex_rewrite is not None
    assert steps.rewrite.uri_regex_rewrite.rewrite == "/full"


def mirrored(mirror: RequestMirror) -> float | None:
    """The share of a mirror."""
    steps = read(Filter(type="RequestMirror", request_mirror=mirror))
    (found,) = steps.mirrors
    return found.percentage.value if found.percentage else None


def test_mirrors_get_a_share() -> None:
    backend = BackendReference(name="web", port=80)
    assert mirrored(RequestMirror(backend_ref=backend)) is None
    assert mirrored(RequestMirror(backend_ref=backend, percent=42)) == 42
    assert mirrored(RequestMirror(backend_ref=backend, fraction=Fraction(1, 8))) == 12.5


def test_a_mirror_that_may_not_be_followed_is_left_out() -> None:
    foreign = RequestMirror(backend_ref=BackendReference(name="web", namespace="other", port=80))
    steps = read(Filter(type="RequestMirror", request_mirror=foreign))
    assert (len(steps.mirrors), len(steps.faults)) == (0, 1)


def test_origins_may_have_wildcards() -> None:
    cors = Cors(allow_origins=("https://a.com", "https://*.b.com"), max_age=7, allow_credentials=True)
    steps = read(Filter(type="CORS", cors=cors))
    assert steps.cors is not None
    assert steps.cors.allow_origins == (StringMatch(exact="https://a.com"), StringMatch(regex=r"^https://.*\.b\.com$"))
    assert steps.cors.unmatched_preflights is UnmatchedPreflights.IGNORE
    assert str(steps.cors.max_age) == "7s"


def test_an_unknown_filter_has_a_reason() -> None:
    fault = Fault("expected a filter that is known, got ExtensionRef", Reason.INVALID_FILTER)
    assert read_filters((Filter(type="ExtensionRef"),), CONTEXT) == fault
