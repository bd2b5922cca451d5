"""EnvoyFilter as decoded: changes that people make to what Envoys get, on their own responsibility. Pure data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Int32, Message, Object, OneOfMessage, UInt32
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.selectors import WorkloadLabels


class ApplyTo(StrEnum):
    """`EnvoyFilter.ApplyTo`: what is changed."""

    INVALID = "INVALID"
    LISTENER = "LISTENER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"
    EXTENSION_CONFIG = "EXTENSION_CONFIG"
    BOOTSTRAP = "BOOTSTRAP"
    LISTENER_FILTER = "LISTENER_FILTER"


class PatchContext(StrEnum):
    """`EnvoyFilter.PatchContext`: which side of which proxy."""

    ANY = "ANY"
    SIDECAR_INBOUND = "SIDECAR_INBOUND"
    SIDECAR_OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"
    WAYPOINT = "WAYPOINT"


class Operation(StrEnum):
    """`EnvoyFilter.Patch.Operation`."""

    INVALID = "INVALID"
    MERGE = "MERGE"
    ADD = "ADD"
    REMOVE = "REMOVE"
    INSERT_BEFORE = "INSERT_BEFORE"
    INSERT_AFTER = "INSERT_AFTER"
    INSERT_FIRST = "INSERT_FIRST"
    REPLACE = "REPLACE"


class FilterClass(StrEnum):
    """`EnvoyFilter.Patch.FilterClass`; without effect, as with istiod."""

    UNSPECIFIED = "UNSPECIFIED"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class RouteAction(StrEnum):
    """`RouteMatch.Action`."""

    ANY = "ANY"
    ROUTE = "ROUTE"
    REDIRECT = "REDIRECT"
    DIRECT_RESPONSE = "DIRECT_RESPONSE"


class ProxyMatch(Message, frozen=True):
    """Which proxies: a regular expression for their version, and values of their metadata."""

    proxy_version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class SubFilterMatch(Message, frozen=True):
    """An HTTP filter."""

    name: str = ""


class FilterMatch(Message, frozen=True):
    """A network filter, and a filter within it."""

    name: str = ""
    sub_filter: SubFilterMatch | None = None


class FilterChainMatch(Message, frozen=True):
    """A filter chain; `application_protocols` separated by commas, all of them are listed in the chain."""

    name: str = ""
    sni: str = ""
    transport_protocol: str = ""
    application_protocols: str = ""
    filter: FilterMatch | None = None
    destination_port: UInt32 = 0


class ListenerMatch(Message, frozen=True):
    """A listener and what is in it."""

    port_number: UInt32 = 0
    port_name: str = ""
    """Not used by Istio."""
    filter_chain: FilterChainMatch | None = None
    listener_filter: str = ""
    name: str = ""


class RouteMatch(Message, frozen=True):
    """A route."""

    name: str = ""
    action: RouteAction = RouteAction.ANY


class VirtualHostMatch(Message, frozen=True):
    """A virtual host."""

    name: str = ""
    domain_name: str = ""
    route: RouteMatch | None = None


class RouteConfigurationMatch(Message, frozen=True):
    """A route configuration; `gateway` is `namespace/name`."""

    port_number: UInt32 = 0
    port_name: str = ""
    gateway: str = ""
    vhost: VirtualHostMatch | None = None
    name: str = ""


class ClusterMatch(Message, frozen=True):
    """Clusters; `name` alone decides where it is given."""

    port_number: UInt32 = 0
    service: str = ""
    subset: str = ""
    name: str = ""


class WaypointRouteMatch(Message, frozen=True):
    """A route of a waypoint by its name."""

    name: str = ""


class WaypointMatch(Message, frozen=True):
    """A part of a waypoint. istiod: reads it and does nothing by it."""

    port_number: UInt32 = 0
    filter: FilterMatch | None = None
    route: WaypointRouteMatch | None = None


class ObjectMatch(OneOfMessage, frozen=True):
    """`EnvoyConfigObjectMatch`: where a patch applies."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("listener", "route_configuration", "cluster", "waypoint"),)

    context: PatchContext = PatchContext.ANY
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    waypoint: WaypointMatch | None = None


class PatchSpec(Message, frozen=True):
    """`EnvoyFilter.Patch`; `value` is JSON of the Envoy message that `apply_to` means."""

    operation: Operation = Operation.INVALID
    value: Mapping[str, object] | None = None
    filter_class: FilterClass = FilterClass.UNSPECIFIED


class ConfigPatch(Message, frozen=True):
    """`EnvoyConfigObjectPatch`."""

    apply_to: ApplyTo = ApplyTo.INVALID
    match: ObjectMatch | None = None
    patch: PatchSpec | None = None


class EnvoyFilterSpec(Message, frozen=True):
    """`spec` of an EnvoyFilter."""

    workload_selector: WorkloadLabels | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    config_patches: tuple[ConfigPatch, ...] = ()
    priority: Int32 = 0


class EnvoyFilter(Object, frozen=True):
    """networking.istio.io EnvoyFilter."""

    KIND: ClassVar[str] = "EnvoyFilter"

    spec: EnvoyFilterSpec = EnvoyFilterSpec()
