"""What a group of proxies may reach: services, routes and rules, after visibility and Sidecar objects.

In: a snapshot's indexes, a namespace, the Sidecar that applies. Out: an immutable `Scope`, shared by all it fits.
Source: xDS behaviour 2.10 (visibility and sidecar scope), 3.5 (DestinationRule lookup).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import ServiceEndpoints
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, Namespace, Service
from pilot.model.sidecar import SidecarEgressListener, SidecarIngressListener
from pilot.model.traffic_policy import ConnectionPoolSettings
from pilot.resources import Origin


@dataclass(frozen=True, slots=True, eq=False)
class EgressListener:
    """One egress listener with what it imports; `declared` is None for the implied `*/*` listener."""

    declared: SidecarEgressListener | None
    services: tuple[Service, ...]
    """In listing order; a declared port keeps only services that have it, reduced to it."""
    virtual_services: tuple[ResolvedVirtualService, ...]
    """Those bound to `mesh` and visible, in order private, exported, public."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Everything outbound that proxies of one namespace (and Sidecar) share."""

    services: tuple[Service, ...]
    """All imported services, in CDS order; one for each hostname."""
    by_host: Mapping[Hostname, Service]
    egress: tuple[EgressListener, ...]
    rules: Mapping[Hostname, MergedRule]
    """The DestinationRule that applies to an imported service, where there is one."""
    gateway_virtual_services: tuple[ResolvedVirtualService, ...]
    """Visible VirtualServices bound to something other than `mesh` (routers)."""
    allow_any: bool
    """Outbound traffic policy ALLOW_ANY; routers and waypoints: False."""
    egress_proxy: tuple[str, int, str] | None
    """(host, port or 0, subset) of the Sidecar's egressProxy."""
    sidecar: Origin | None
    ingress: tuple[SidecarIngressListener, ...]
    inbound_connection_pool: ConnectionPoolSettings | None = None
    """The Sidecar's, for every inbound port."""


Endpoints = Mapping[tuple[Hostname, Namespace], ServiceEndpoints]
"""Endpoints of every service, by (hostname, namespace)."""
