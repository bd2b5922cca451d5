from typing import Any

import msgspec

from pilot.generators import clusters
from pilot.generators.clusters.needed_hosts import needed_hosts
from pilot.model.envoy_filters import check
from pilot.model.extension_provider import ExtAuthzHttp, ExtensionProvider
from pilot.model.features import Features
from pilot.model.gateway import GatewayServer, Server
from pilot.model.routing import ResolvedVirtualService
from pilot.model.virtual_service import Destination, HTTPRoute, HTTPRouteDestination
from pilot.resources import Origin
from pilot.view.proxy import ProxyKind
from tests.pilot.generators.patching.filters_of import envoy_filter, patch
from tests.pilot.generators.samples import MESH, scope, service, traits, view
from tests.pilot.model.meshes import only

ONE, TWO = service("one"), service("two")
SERVERS = (
    GatewayServer(
        origin=Origin("Gateway", "default", "gw"), namespace="default", name="gw", server=Server(), hosts=("*",)
    ),
)


def routes(to: str, gateway: str) -> ResolvedVirtualService:
    route = HTTPRoute(route=(HTTPRouteDestination(destination=Destination(host=to)),))
    return ResolvedVirtualService(
        origin=Origin("VirtualService", "default", to),
        namespace="default",
        name=to,
        hosts=("a.com",),
        gateways=(gateway,),
        http=(route,),
    )


def within(*bound: ResolvedVirtualService) -> Any:
    return scope(ONE, TWO, gateway_virtual_services=bound)


def test_routes_of_its_own_gateways_say_what_a_gateway_needs() -> None:
    bound = within(routes(ONE.hostname, "default/gw"), routes(TWO.hostname, "default/other"))

    assert needed_hosts(bound, SERVERS, MESH) == {ONE.hostname}


def test_extension_providers_are_needed_too() -> None:
    provider = ExtensionProvider(name="auth", envoy_ext_authz_http=ExtAuthzHttp(service="ns/auth.example.com"))
    mesh = msgspec.structs.replace(MESH, extension_providers=(provider,))

    assert needed_hosts(within(), SERVERS, mesh) == {"auth.example.com"}


def test_a_gateway_has_clusters_of_what_it_needs_if_the_switch_is_on() -> None:
    bound = within(routes(ONE.hostname, "default/gw"))
    router = traits(kind=ProxyKind.ROUTER)
    filtering = Features(filter_gateway_clusters=True)

    everything = clusters.build(view(bound, traits=router, gateways=SERVERS))
    some = clusters.build(view(bound, traits=router, gateways=SERVERS, features=filtering))
    of_sidecar = clusters.build(view(bound, features=filtering))

    assert list(some) == [f"outbound|80||{ONE.hostname}", "BlackHoleCluster"]
    assert f"outbound|80||{TWO.hostname}" in everything
    assert f"outbound|80||{TWO.hostname}" in of_sidecar


def test_what_an_envoy_filter_names_is_needed_too() -> None:
    filtered = envoy_filter(patch("CLUSTER", "REMOVE")).replace(
        "metadata:", "metadata:\n  annotations: {envoyfilter.istio.io/referenced-services: default/lua.example.com}"
    )
    patches = check(only(filtered)).patches
    assert needed_hosts(within(), SERVERS, MESH, patches) == {"lua.example.com"}
