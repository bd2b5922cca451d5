"""References of routes."""

from tests.pilot.gatewayapi.worlds import OPEN, gateway, route, service
from tests.pilot.status.worlds import brief, status

HTTP = gateway(f"[{{name: http, port: 80, protocol: HTTP, {OPEN}}}]")
TLS = gateway(f"[{{name: tls, port: 443, protocol: TLS, tls: {{mode: Passthrough}}, {OPEN}}}]")
WEB = service("web", 80)


def resolved(backends: str, *documents: str, kind: str = "HTTPRoute", filters: str = "", parents: str = "") -> str:
    """The condition ResolvedRefs of a route with these backends."""
    more = f", filters: {filters}" if filters else ""
    spec = f"{parents}rules: [{{backendRefs: {backends}{more}}}]"
    gateways = TLS if kind == "TLSRoute" else HTTP
    found = status(kind, "app/r", gateways, WEB, *documents, route(kind, spec))
    return brief(found["parents"][0]["conditions"])["ResolvedRefs"]


GRANT = """
---
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: app}]
  to: [{group: "", kind: Service}]
"""


def test_backends_that_are_there() -> None:
    assert resolved("[{name: web, port: 80}]") == "True ResolvedRefs"
    assert resolved("[]") == "True ResolvedRefs"


def test_why_a_backend_cannot_be_followed() -> None:
    assert resolved("[{name: nobody, port: 80}]") == "False BackendNotFound"
    assert resolved("[{kind: Bucket, group: example.com, name: b, port: 80}]") == "False InvalidKind"
    assert resolved("[{name: web}]") == "False InvalidDestination"
    external = "[{group: networking.istio.io, kind: Hostname, name: ext.example.com, port: 80}]"
    assert resolved(external) == "False BackendNotFound"


def test_other_namespaces_need_a_grant() -> None:
    other = "[{name: web, namespace: other, port: 80}]"
    there = service("web", 80, "other")
    assert resolved(other, there) == "False RefNotPermitted"
    assert resolved(other, there, GRANT) == "True ResolvedRefs"
    assert resolved(other, there, GRANT.replace("namespace: app", "namespace: gws")) == "False RefNotPermitted"
    assert resolved(other, there, GRANT.replace("kind: HTTPRoute", "kind: GRPCRoute")) == "False RefNotPermitted"
    assert resolved(other, there, GRANT.replace("kind: Service", "kind: Secret")) == "False RefNotPermitted"
    assert resolved(other, there, GRANT, kind="TLSRoute") == "False RefNotPermitted"
    mesh = 'parentRefs: [{group: "", kind: Service, name: web}], '
    assert resolved(other, there, parents=mesh) == "True ResolvedRefs"


def test_one_bad_backend_among_good_ones_is_told() -> None:
    assert resolved("[{name: web, port: 80}, {name: nobody, port: 80, weight: 0}]") == "False BackendNotFound"


def test_mirrors_are_references_too() -> None:
    def mirrored(name: str) -> str:
        mirror = f"[{{type: RequestMirror, requestMirror: {{backendRef: {{name: {name}, port: 80}}}}}}]"
        return resolved("[{name: web, port: 80}]", filters=mirror)

    assert mirrored("web") == "True ResolvedRefs"
    assert mirrored("nobody") == "False BackendNotFound"


def test_filters_of_backends_count() -> None:
    assert resolved("[{name: web, port: 80, filters: [{type: Else}]}]") == "False InvalidFilter"
