"""The Gateway API as a whole: when it is converted again, and what gateways are served."""

from pilot.gatewayapi.conversion import KINDS, convert, is_needed
from pilot.model.gateways import Exposed, select_gateways
from tests.pilot.gatewayapi.worlds import HTTP, gateway, route, virtual_services, world
from tests.pilot.model.meshes import edit, mesh_of, remove
from tests.pilot.model.pems import tls_secret

RULES = "rules: [{backendRefs: [{name: web, namespace: other, port: 80}]}]"
GRANT = """
---
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: app}]
  to: [{group: "", kind: Service}]
"""


def test_nothing_is_done_where_there_is_nothing() -> None:
    snapshot = mesh_of("{kind: Namespace, metadata: {name: a}}")
    assert not is_needed(snapshot.seen)
    assert convert(snapshot.seen, snapshot.settings) == ((), ())
    assert "KubernetesGateway" in KINDS


def test_the_same_objects_give_the_same_values() -> None:
    snapshot = world(HTTP, route("HTTPRoute", RULES), GRANT)
    made, problems = convert(snapshot.seen, snapshot.settings)
    assert {each.key: each for each in made} == snapshot.conversions.gateway_api
    assert problems == ()


def test_a_grant_that_comes_later_opens_the_way() -> None:
    before = world(HTTP, route("HTTPRoute", RULES))
    assert len(before.problems) == 1
    after, change = edit(before, GRANT)
    assert change.full
    assert after.problems == ()
    (made,) = virtual_services(after).values()
    assert made.spec.http[0].route[0].destination.host == "web.other.svc.cluster.local"
    closed, _ = remove(after, "ReferenceGrant", "other", "g")
    assert closed.problems == before.problems


def test_a_secret_that_comes_later_opens_the_listener() -> None:
    before = world(gateway("[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]"))
    assert before.gateways == ()
    after, change = edit(before, tls_secret("gws", "cert"))
    assert (change.full, change.credentials, len(after.gateways)) == (True, True, 1)
    renewed, change = edit(after, tls_secret("gws", "cert", "b"))
    assert (change.full, change.credentials) == (False, True)
    assert renewed.gateways is after.gateways


def test_proxies_serve_the_gateways_of_their_services() -> None:
    snapshot = world(HTTP)
    service = "main-istio.gws.svc.cluster.local"

    def ports(*exposed: Exposed) -> list[tuple[int, ...]]:
        found = select_gateways(snapshot.gateways, "gws", {}, exposed, same_namespace=False)
        return [each.resolved_ports for each in found]

    assert ports() == []
    assert ports(Exposed(service, "gws", 80, 8080)) == [(8080,)]
    assert ports(Exposed(service, "gws", 80, 8080), Exposed(service, "gws", 80, 8081)) == [(8080, 8081)]
    assert ports(Exposed(service, "gws", 81, 8080)) == []
    assert ports(Exposed(service, "elsewhere", 80, 8080)) == []
