"""Status of routes."""

from typing import Any

import pytest

from tests.pilot.gatewayapi.worlds import OPEN, gateway, route, service
from tests.pilot.status.worlds import brief, status

TWO = gateway(
    f"""[{{name: http, port: 80, protocol: HTTP, hostname: "*.a.com", {OPEN}}},
    {{name: own, port: 81, protocol: HTTP}}]"""
)
WEB = service("web", 80)
GOOD = "rules: [{backendRefs: [{name: web, port: 80}]}]"


def conditions(spec: str, *documents: str, kind: str = "HTTPRoute", gateways: str = TWO) -> dict[str, str]:
    """Of a route's only parent."""
    (found,) = parents(spec, *documents, kind=kind, gateways=gateways)
    return brief(found["conditions"])


def parents(spec: str, *documents: str, kind: str = "HTTPRoute", gateways: str = TWO) -> list[Any]:
    """`status.parents` of a route."""
    found = status(kind, "app/r", gateways, WEB, *documents, route(kind, spec))
    return found["parents"] if found is not None else []


def test_a_good_route() -> None:
    (found,) = parents(GOOD)
    assert brief(found["conditions"]) == {"Accepted": "True Accepted", "ResolvedRefs": "True ResolvedRefs"}
    assert found["controllerName"] == "istio.io/gateway-controller"
    group = "gateway.networking.k8s.io"
    assert found["parentRef"] == {"group": group, "kind": "Gateway", "name": "main", "namespace": "gws"}


@pytest.mark.parametrize(
    ("parent", "hostnames", "reason"),
    [
        ("sectionName: nobody", "[]", "False NoMatchingParent"),
        ("port: 82", "[]", "False NoMatchingParent"),
        ("sectionName: http, port: 81", "[]", "False NoMatchingParent"),
        ("sectionName: http, port: 80", "[]", "True Accepted"),
        ("sectionName: http", "[b.com]", "False NoMatchingListenerHostname"),
        ("sectionName: own", "[b.com]", "False NotAllowedByListeners"),
        ("port: 80", "[x.a.com, b.com]", "True Accepted"),
    ],
)
def test_why_a_parent_does_not_take_a_route(parent: str, hostnames: str, reason: str) -> None:
    spec = f"parentRefs: [{{name: main, namespace: gws, {parent}}}], hostnames: {hostnames}, {GOOD}"
    assert conditions(spec)["Accepted"] == reason


def test_a_kind_that_a_listener_does_not_take() -> None:
    streams = gateway(f"[{{name: tcp, port: 80, protocol: TCP, {OPEN}}}]")
    assert conditions(GOOD, gateways=streams)["Accepted"] == "False NotAllowedByListeners"
    assert conditions(GOOD, gateways=streams, kind="TCPRoute")["Accepted"] == "True Accepted"


def test_a_mesh_parent_that_is_not_there() -> None:
    spec = 'parentRefs: [{group: "", kind: Service, name: nobody}], ' + GOOD
    assert conditions(spec)["Accepted"] == "False NoMatchingParent"
    assert conditions(spec.replace("nobody", "web, port: 81"))["Accepted"] == "False NoMatchingParent"
    assert conditions(spec.replace("nobody", "web, port: 80"))["Accepted"] == "True Accepted"


def test_only_parents_of_ours_are_told_of() -> None:
    spec = "parentRefs: [{name: theirs}, {kind: Else, name: x}, {name: main, namespace: gws}], " + GOOD
    assert [each["parentRef"]["name"] for each in parents(spec)] == ["main"]
    assert parents("parentRefs: [{name: theirs}], " + GOOD) == []


def test_every_parent_has_its_own_conditions() -> None:
    spec = """parentRefs: [{name: main, namespace: gws, sectionName: own}, {name: main, namespace: gws,
      sectionName: http}], """
    found = [brief(each["conditions"])["Accepted"] for each in parents(spec + GOOD)]
    assert found == ["False NotAllowedByListeners", "True Accepted"]


def test_a_route_says_which_generation_was_seen() -> None:
    declared = route("HTTPRoute", GOOD).replace("namespace: app}", "namespace: app, generation: 5}")
    found = status("HTTPRoute", "app/r", TWO, WEB, declared)
    assert {each["observedGeneration"] for each in found["parents"][0]["conditions"]} == {5}


def test_filters_that_nobody_knows_cost_their_rule() -> None:
    unknown = "filters: [{type: ExtensionRef}]"
    some = f"rules: [{{backendRefs: [{{name: web, port: 80}}]}}, {{{unknown}}}]"
    (found,) = parents(some)
    partly = {each["type"]: each for each in found["conditions"]}
    assert partly["PartiallyInvalid"]["reason"] == "UnsupportedValue"
    assert partly["PartiallyInvalid"]["message"].startswith("Dropped Rule 1")
    assert partly["ResolvedRefs"]["reason"] == "InvalidFilter"
    assert partly["Accepted"]["status"] == "True"
    assert conditions(f"rules: [{{{unknown}}}]")["Accepted"] == "False UnsupportedValue"


def test_listeners_count_the_routes_that_they_took() -> None:
    broken = gateway(f"[{{name: tls, port: 443, protocol: HTTPS, {OPEN}, tls: {{certificateRefs: [{{name: x}}]}}}}]")

    def counts(gateways: str, *routes: str) -> list[int]:
        found = status("KubernetesGateway", "gws/main", gateways, WEB, *routes)
        return [each["attachedRoutes"] for each in found["listeners"]]

    twice = "parentRefs: [{name: main, namespace: gws, sectionName: http}, {name: main, namespace: gws, port: 80}], "
    assert counts(TWO, route("HTTPRoute", twice + GOOD)) == [1, 0]
    assert counts(TWO, route("HTTPRoute", GOOD), route("GRPCRoute", GOOD, "g")) == [2, 0]
    assert counts(TWO, route("HTTPRoute", "hostnames: [b.com]")) == [0, 0]
    unresolved = "rules: [{backendRefs: [{name: nobody, port: 80}]}]"
    assert counts(TWO, route("HTTPRoute", unresolved)) == [1, 0]
    assert counts(broken, route("HTTPRoute", GOOD)) == [1]
