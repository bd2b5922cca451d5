from pilot.analysis.schema import objects_of_istio
from tests.pilot.analysis.worlds import FRUIT, said

ORIGIN = "VirtualService shop/v"


def service(spec: str) -> str:
    return f"{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: v, namespace: shop}}, spec: {{{spec}}}}}"  # noqa: E501


def test_wrong_objects_are_told_as_the_webhook_would() -> None:
    assert said(objects_of_istio, FRUIT) == []
    route = "route: [{destination: {host: a}}]"
    assert said(objects_of_istio, service(f"hosts: [a], http: [{{{route}}}]")) == []
    assert ("IST0106", ORIGIN) in said(objects_of_istio, service("hosts: []"))
    assert ("IST0106", ORIGIN) in said(objects_of_istio, service(f"hosts: [a], http: [{{{route}}}], nothing: 1"))
    assert ("IST0106", ORIGIN) in said(objects_of_istio, service("hosts: 7"))


def test_rules_that_are_never_used_have_codes_of_their_own() -> None:
    route = "route: [{destination: {host: a}}]"
    match = "match: [{uri: {prefix: /a}}]"
    text = f"hosts: [a], http: [{{{match}, {route}}}, {{{match}, {route}}}, {{{route}}}, {{{route}}}]"
    assert {code for code, _ in said(objects_of_istio, service(text))} == {"IST0130", "IST0131"}
