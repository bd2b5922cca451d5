"""Backends of routes as destinations.

In: references to Services and the like. Out: a `Destination`: of a Service that is not there too (Envoy answers 500);
without a host where the reference may not be followed or cannot be understood. Source: xDS behaviour 5.8 (backends).
"""

from dataclasses import dataclass

from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.route import BackendReference, WeightedBackend
from pilot.model import mcs
from pilot.model.virtual_service import Destination, PortSelector

NOWHERE = Destination()
"""No cluster has this name: every request is answered with an error."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who refers to backends, and what decides whether it may."""

    grants: Grants
    referrer: Referrer
    domain: str
    """DNS domain of the cluster."""
    is_mesh: bool
    """Of a route with a Service as parent: grants are not asked for."""


def destination(backend: WeightedBackend | BackendReference, context: Context) -> tuple[Destination, Fault | None]:
    """Where requests go, and what is wrong with it."""
    group = "" if backend.group == "core" else backend.group
    namespace = backend.namespace or context.referrer.namespace
    shown = f"{backend.kind} {namespace}/{backend.name}"
    if not context.is_mesh and not context.grants.permits(
        context.referrer, namespace, group, backend.kind, backend.name
    ):
        return NOWHERE, Fault(f"expected a ReferenceGrant for {shown}, got none", Reason.REF_NOT_PERMITTED)
    match group, backend.kind:
        case "", "Service":
            host = f"{backend.name}.{namespace}.svc.{context.domain}"
        case "networking.istio.io", "Hostname":
            host = backend.name
        case "multicluster.x-k8s.io", "ServiceImport":
            host = mcs.host_of(backend.name, namespace)
        case _:
            message = f"expected a Service, Hostname or ServiceImport, got {group or 'core'} {backend.kind}"
            return NOWHERE, Fault(message, Reason.INVALID_KIND)
    if not 0 < backend.port < 65536:
        return NOWHERE, Fault(f"expected a port of {shown}, got {backend.port or 'none'}", Reason.INVALID_DESTINATION)
    return Destination(host=host, port=PortSelector(number=backend.port)), None
