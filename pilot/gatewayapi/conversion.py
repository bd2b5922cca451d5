"""Everything of the Gateway API in terms of Istio's API.

In: the store of declared objects, settings. Out: Gateways, VirtualServices, DestinationRules, and problems. Pure: the
same objects give the same values. Status is written elsewhere. Source: xDS behaviour 5.8; installation 9.
"""

from pilot.gatewayapi import backend_tls, backend_traffic, grants, listeners, routes
from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway, ListenerSet
from pilot.gatewayapi.policy import BackendTlsPolicy, BackendTrafficPolicy, ReferenceGrant
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, TcpRoute, TlsRoute
from pilot.memo import memoized
from pilot.model.interning import same_tuple
from pilot.model.kubernetes import KubernetesService, Namespace
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore
from pilot.model.objects import Object
from pilot.model.problem import Problem
from pilot.model.secret import ConfigMap, Secret
from pilot.model.service_entry import ServiceEntry

KINDS = frozenset(
    each.KIND
    for each in (
        GatewayClass, KubernetesGateway, ListenerSet, HttpRoute, GrpcRoute, TlsRoute, TcpRoute, ReferenceGrant,
        BackendTlsPolicy, BackendTrafficPolicy,
    )
)  # fmt: skip
"""Kinds of the Gateway API that are read."""
NEEDED = frozenset(each.KIND for each in (Namespace, Secret, ConfigMap, KubernetesService, ServiceEntry))
"""Kinds that decide what those mean."""


def is_needed(store: ObjectStore) -> bool:
    """Whether there is anything to convert."""
    return any(store.kinds.get(kind) for kind in KINDS)


def convert(store: ObjectStore, settings: MeshSettings) -> tuple[tuple[Object, ...], tuple[Problem, ...]]:
    """The converted objects."""
    if not settings.features.gateway_api:
        return (), ()
    around = surroundings(store, settings)
    judged = listeners.judge(around)
    virtual_services, wrong_routes = routes.convert(judged, around)
    secured, wrong_policies = backend_tls.convert(store, settings)
    rules, wrong_traffic = backend_traffic.convert(store, settings, secured)
    gateways = (each.converted for each in judged if each.converted is not None)
    problems = (*listeners.problems_of(judged), *wrong_routes, *wrong_policies, *wrong_traffic)
    return (*gateways, *virtual_services, *rules), problems


def surroundings(store: ObjectStore, settings: MeshSettings) -> listeners.Surroundings:
    """What listeners and routes are judged by, here and for their status."""
    declared = _grants(same_tuple(tuple(store.of(ReferenceGrant))))
    return listeners.Surroundings(store, declared, settings, listeners.namespaces_of(store, KINDS | NEEDED))


@memoized(size=16)
def _grants(declared: tuple[ReferenceGrant, ...]) -> grants.Grants:
    return grants.build(declared)
