"""HTTP and gRPC rules: conditions, order, backends, patience."""

from typing import Any

from pilot.gatewayapi.backends import Context
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.http_rules import Converted, convert
from pilot.model.virtual_service import HTTPRoute
from tests.pilot.gatewayapi.worlds import route
from tests.pilot.model.meshes import only


def converted(kind: str, rules: str) -> Converted:
    """The routes of an object."""
    context = Context(Grants(), Referrer(kind, "app"), "cluster.local", is_mesh=False)
    declared: Any = only(route(kind, f"rules: {rules}"))
    return convert(declared, context)


def paths(routes: tuple[HTTPRoute, ...]) -> list[str]:
    """Conditions on paths, in order."""
    found = []
    for each in routes:
        uri = each.match[0].uri if each.match else None
        found.append(f"={uri.exact or ''}{uri.prefix or ''}{uri.regex or ''}" if uri else "any")
    return found


def test_the_most_specific_match_comes_first() -> None:
    rules = """[
      {name: all},
      {matches: [{path: {value: /a}}, {path: {type: RegularExpression, value: /re.*}}]},
      {matches: [{path: {value: /a/b}}, {path: {type: Exact, value: /e}}]},
      {matches: [{path: {value: /a}, method: GET}]},
      {matches: [{path: {value: /a}, headers: [{name: X-A, value: "1"}, {name: x-a, value: "2"}]}]},
      {matches: [{path: {value: /a}, queryParams: [{name: q, type: RegularExpression, value: "."}]}]}]"""
    found = converted("HTTPRoute", rules).http
    assert paths(found) == ["=/e", "=/a/b", "=/a", "=/a", "=/a", "=/a", "=/", "=/re.*"]
    assert [each.name for each in found[2:7]] == ["app.r.3", "app.r.4", "app.r.5", "app.r.1", "all"]
    header = found[3].match[0].headers
    assert {name: each.exact for name, each in header.items()} == {"X-A": "1"}
    assert found[4].match[0].query_params["q"].regex == "."


def test_a_slash_at_the_end_of_a_prefix_means_nothing() -> None:
    found = converted("HTTPRoute", "[{matches: [{path: {value: /a/}}, {path: {value: /bc}}, {path: {value: /}}]}]")

    assert paths(found.http) == ["=/bc", "=/a", "=/"]


def test_grpc_methods_are_paths() -> None:
    rules = """[
      {backendRefs: [{name: g, port: 1}]},
      {matches: [
        {method: {service: a.B, method: C}},
        {method: {service: a.B}},
        {method: {method: C}},
        {method: {type: RegularExpression, service: "a.*"}},
        {headers: [{name: x, value: y}]},
        {}]}]"""
    found = converted("GRPCRoute", rules).http
    assert paths(found) == ["=/a.B/C", "=/a.B/", "=/[^/]+/C", "=/a.*/.+", "any", "any", "any"]
    assert [len(each.match) for each in found] == [1, 1, 1, 1, 1, 1, 0]


def single(rule: str) -> HTTPRoute:
    """The one route of a rule without problems."""
    found = converted("HTTPRoute", f"[{rule}]")
    assert found.problems == ()
    return found.http[0]


BACKEND = "backendRefs: [{name: web, port: 80}]"


def test_backends_have_weights_and_filters() -> None:
    header = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}"
    made = single(f"{{backendRefs: [{{name: web, port: 80, filters: [{header}]}}, {{name: b, port: 81, weight: 0}}]}}")
    assert [each.destination.host for each in made.route] == ["web.app.svc.cluster.local"]  # one gets everything
    assert made.route[0].headers is not None


def test_without_backends_requests_are_answered_500() -> None:
    for rule in ("{}", "{backendRefs: [{name: web, port: 80, weight: 0}]}"):
        made = single(rule)
        assert made.direct_response is not None
        assert (made.direct_response.status, made.route) == (500, ())
    redirect = single("{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}")
    assert redirect.direct_response is None


def test_timeouts_and_retries() -> None:
    made = single(f"{{timeouts: {{request: 10s, backendRequest: 2s}}, {BACKEND}}}")
    assert (str(made.timeout), made.retries) == ("2s", None)
    retry = "retry: {codes: [502], backoff: 50ms}"
    made = single(f"{{timeouts: {{request: 10s, backendRequest: 2s}}, {retry}, {BACKEND}}}")
    assert made.retries is not None
    assert (str(made.timeout), str(made.retries.per_try_timeout), made.retries.attempts) == ("10s", "2s", 2)
    assert made.retries.retry_on == "connect-failure,refused-stream,unavailable,cancelled,502"
    zero = single(f"{{timeouts: {{request: 10s, backendRequest: 0s}}, {BACKEND}}}")
    assert str(zero.timeout) == "10s"
    off = single(f"{{retry: {{attempts: 0}}, {BACKEND}}}").retries
    assert off is not None
    assert off.attempts == 0


def test_a_rule_that_cannot_be_served_costs_only_itself() -> None:
    found = converted("HTTPRoute", f"[{{filters: [{{type: ExtensionRef}}]}}, {{{BACKEND}}}]")
    assert len(found.http) == 1
    assert [each.field for each in found.problems] == ["spec.rules[0].filters"]
    found = converted("HTTPRoute", "[{backendRefs: [{name: web}, {name: b, port: 1, filters: [{type: Odd}]}]}]")
    assert [each.destination.host for each in found.http[0].route] == ["", ""]
    assert len(found.problems) == 2
