"""Everything known about the mesh at one moment.

In: events. Out: a new snapshot that shares with the old one all that the events did not touch, and a `Change` that says
what that was. A snapshot is never mutated; what says the same as before is the same object as before.
Source: xDS behaviour 1.10 (what a change means), section 2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pilot.model import (
    clusters,
    conversions,
    credentials,
    destination_rules,
    discovery,
    endpoint_sources,
    extensions,
    gateways,
    host_addresses,
    mcs,
    network_gateways,
    peer_authentications,
    policies,
    revisions,
    routing,
    service_index,
    sidecars,
    workload_index,
)
from pilot.model.changes import NO_CHANGE, Change, Derived, describe
from pilot.model.conversions import Conversions
from pilot.model.credentials import Credentials
from pilot.model.destination_rule import DestinationRule
from pilot.model.destination_rules import DestinationRules
from pilot.model.endpoint_index import EndpointIndex, ServiceEndpoints
from pilot.model.extensions import Extensions
from pilot.model.features import Features
from pilot.model.gateway import Gateway
from pilot.model.gateways import GatewayServers
from pilot.model.host_addresses import NO_ADDRESSES, Addresses
from pilot.model.kubernetes import Namespace
from pilot.model.locality import NETWORK
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.mesh_settings import MeshSettings
from pilot.model.network_gateways import NetworkGateways
from pilot.model.object_store import ObjectStore, Replacement, apply_events, replace_objects
from pilot.model.objects import Event, Object
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.policies import SecurityPolicies
from pilot.model.problem import Problem
from pilot.model.routing import ResolvedVirtualService, Routing
from pilot.model.service import Service
from pilot.model.service_index import ServiceChange, ServiceIndex, ServiceKey
from pilot.model.sidecar import Sidecar
from pilot.model.sidecars import Sidecars
from pilot.model.workload_index import WorkloadIndex

__all__ = ["Change", "Snapshot"]

T = TypeVar("T")
_NO_REMOTES: Mapping[str, "Snapshot"] = {}
"""Of a mesh of one cluster: the same object from snapshot to snapshot."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The mesh. Compares by value."""

    settings: MeshSettings = MeshSettings()
    objects: ObjectStore = field(default_factory=ObjectStore)
    """As declared."""
    seen: ObjectStore = field(default_factory=ObjectStore)
    """Those of namespaces that belong to the mesh."""
    conversions: Conversions = field(default_factory=Conversions)
    known: ObjectStore = field(default_factory=ObjectStore)
    """Those seen, and what was converted from other APIs."""
    workloads: WorkloadIndex = field(default_factory=WorkloadIndex)
    service_index: ServiceIndex = field(default_factory=ServiceIndex)
    endpoint_index: EndpointIndex = field(default_factory=EndpointIndex)
    routing: Routing = field(default_factory=Routing)
    rules: DestinationRules = field(default_factory=DestinationRules)
    gateways: tuple[GatewayServers, ...] = ()
    """By creation time, name, namespace."""
    credentials: Credentials = field(default_factory=Credentials)
    peer_authentications: PeerAuthentications = field(default_factory=PeerAuthentications)
    policies: SecurityPolicies = field(default_factory=SecurityPolicies)
    extensions: Extensions = field(default_factory=Extensions)
    sidecars: Sidecars = field(default_factory=Sidecars)
    host_addresses: Addresses = field(default_factory=lambda: NO_ADDRESSES)
    """Of host names that were looked up."""
    alone: "Snapshot | None" = None
    """Of a mesh of several clusters: what the cluster that configuration is read from says alone."""
    remotes: Mapping[str, "Snapshot"] = field(default_factory=lambda: _NO_REMOTES)
    """By cluster id: what other clusters say."""

    @classmethod
    def empty(
        cls,
        mesh: MeshConfig | None = None,
        features: Features | None = None,
        networks: MeshNetworks | None = None,
    ) -> "Snapshot":
        """A mesh without objects."""
        settings = MeshSettings(mesh or MeshConfig(), features or Features(), networks or MeshNetworks())
        root = settings.mesh.root_namespace
        return cls(
            settings=settings, rules=DestinationRules(root_namespace=root), sidecars=Sidecars(root_namespace=root)
        )

    @property
    def mesh(self) -> MeshConfig:
        """MeshConfig."""
        return self.settings.mesh

    @property
    def features(self) -> Features:
        """Switches."""
        return self.settings.features

    @property
    def networks(self) -> MeshNetworks:
        """MeshNetworks."""
        return self.settings.networks

    @property
    def services(self) -> tuple[Service, ...]:
        """All services in listing order."""
        return self.service_index.listing

    @property
    def endpoints(self) -> Mapping[ServiceKey, ServiceEndpoints]:
        """Endpoints of every service that has any, by (hostname, namespace)."""
        return self.endpoint_index.endpoints

    @property
    def network_gateways(self) -> NetworkGateways:
        """The ways into networks."""
        return network_gateways.build(
            self.services, self.networks, self.conversions.network_gateways, self.host_addresses
        )

    @property
    def tunnel_gateways(self) -> NetworkGateways:
        """The same for proxies that open tunnels inside of tunnels."""
        discovered, tunnels = self.conversions.network_gateways, self.conversions.waypoints.gateways
        return network_gateways.build_tunnels(self.services, self.networks, discovered, tunnels, self.host_addresses)

    @property
    def names_to_resolve(self) -> frozenset[str]:
        """Host names of gateways of networks."""
        if not self.features.resolve_gateways:
            return frozenset()
        tunnels = self.conversions.waypoints.gateways if self.features.ambient_multi_network else ()
        return network_gateways.host_names(self.services, self.networks, self.conversions.network_gateways, tunnels)

    @property
    def virtual_services(self) -> tuple[ResolvedVirtualService, ...]:
        """All VirtualServices that are not only delegates, by creation time, name, namespace."""
        return self.routing.ordered

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the configuration as a whole."""
        found = (each for place in sorted(self.routing.problems) for each in self.routing.problems[place])
        routes = (*self.conversions.problems, *self.credentials.problems(), *found)
        rules = (each for place in sorted(self.rules.problems) for each in self.rules.problems[place])
        return (*routes, *rules, *self.policies.problems(self.settings, self.services), *self.extensions.problems())

    def apply(self, events: Iterable[Event]) -> tuple["Snapshot", Change]:
        """The mesh after the events, and what they changed."""
        if self.alone is not None:
            alone, change = self.alone.apply(events)
            return (self if alone is self.alone else clusters.merge(alone, self.remotes, self)), change
        objects, replaced = apply_events(self.objects, events)
        if not replaced:
            return self, NO_CHANGE
        selectors = self.mesh.discovery_selectors
        replaced = discovery.select_replacements(self.objects, objects, replaced, selectors)
        settings = _with_cluster(self.settings, objects, replaced)
        if settings != self.settings:
            return _rebuild(self, objects, settings)
        seen = replace_objects(self.seen, replaced) if selectors else objects
        return _derive(self, objects, seen, replaced, settings)

    def with_mesh(self, mesh: MeshConfig, networks: MeshNetworks | None = None) -> tuple["Snapshot", Change]:
        """The same objects under another mesh configuration; without `networks` those stay."""
        if self.alone is not None:
            alone, change = self.alone.with_mesh(mesh, networks)
            moved = {cluster: each.with_mesh(mesh, networks)[0] for cluster, each in self.remotes.items()}
            return clusters.merge(alone, moved), change
        settings = replace(self.settings, mesh=mesh, networks=self.networks if networks is None else networks)
        return (self, NO_CHANGE) if settings == self.settings else _rebuild(self, self.objects, settings)

    # --- other clusters -------------------------------------------------------------------------------------------

    def registry_of(self, cluster: str) -> "Snapshot":
        """What one cluster alone says; for a cluster that nobody knows, what our own one does."""
        return self.remotes.get(cluster) or self.alone or self

    def apply_remote(self, cluster: str, events: Iterable[Event]) -> tuple["Snapshot", Change]:
        """The mesh after events of another cluster, which is new if nobody knows it."""
        alone = self.alone or self
        before = self.remotes.get(cluster) or Snapshot(settings=_of_remote(alone.settings, cluster))
        after, change = before.apply(events)
        if after is before and cluster in self.remotes:
            return self, NO_CHANGE
        if alone.features.mcs_host:
            change = replace(change, hosts=mcs.with_names_of_all(change.hosts))
        return clusters.merge(alone, {**self.remotes, cluster: after}, self), change

    def with_trust_domain(self, cluster: str, domain: str) -> tuple["Snapshot", Change]:
        """The mesh with workloads of another cluster in this trust domain; empty: in that of the mesh."""
        before = self.remotes.get(cluster)
        if before is None or before.settings.trust_domain == domain:
            return self, NO_CHANGE
        after, change = _rebuild(before, before.objects, replace(before.settings, trust_domain=domain))
        return clusters.merge(self.alone or self, {**self.remotes, cluster: after}, self), change

    def without_remote(self, cluster: str) -> tuple["Snapshot", Change]:
        """The mesh without another cluster."""
        if cluster not in self.remotes:
            return self, NO_CHANGE
        kept = {name: each for name, each in self.remotes.items() if name != cluster}
        return clusters.merge(self.alone or self, kept, self), Change(full=True)


def _of_remote(own: MeshSettings, cluster: str) -> MeshSettings:
    """What another cluster begins with."""
    features = replace(own.features, cluster_id=cluster, shares_cluster=False)
    return replace(own, features=features, system_network="", revisions=None, is_remote=True)


def _with_cluster(settings: MeshSettings, objects: ObjectStore, replaced: tuple[Replacement, ...]) -> MeshSettings:
    """What the cluster itself says: the network of the system namespace, who its control planes are."""
    declared = objects.get(Namespace, "", settings.features.system_namespace)
    label = declared.metadata.labels.get(NETWORK, "") if declared else ""
    found = revisions.update(settings.revisions, objects, replaced, settings.features)
    if label == settings.system_network and found is settings.revisions:
        return settings
    return replace(settings, system_network=label, revisions=found)


def _rebuild(old: Snapshot, objects: ObjectStore, settings: MeshSettings) -> tuple[Snapshot, Change]:
    """Derives everything again, keeping what comes out the same."""
    now = {
        each.key: each
        for each in objects.all()
        if discovery.is_selected(objects, settings.mesh.discovery_selectors, each.namespace)
    }
    gone = (each for each in old.seen.all() if each.key not in now)
    replaced = (
        *(Replacement(each.key, each, None) for each in gone),
        *(Replacement(key, old.seen.find(key), each) for key, each in now.items()),
    )
    seen = replace_objects(ObjectStore(), replaced) if settings.mesh.discovery_selectors else objects
    return _derive(old, objects, seen, replaced, settings)


def _derive(
    old: Snapshot, objects: ObjectStore, seen: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings
) -> tuple[Snapshot, Change]:
    anew = settings != old.settings
    converted, conversion_changes = conversions.update(old.conversions, seen, replaced, settings, anew=anew)
    known = replace_objects(old.known, (*replaced, *conversion_changes)) if converted.objects else seen
    replaced = (*replaced, *conversion_changes)
    workloads, workload_changes = workload_index.update(old.workloads, seen, replaced, settings)
    services, service_changes = service_index.update(old.service_index, seen, replaced, settings)
    if anew:
        services = service_index.arrange_anew(services, settings)
    registries = endpoint_sources.Registries(seen, services, workloads, settings)
    to_fill = _everything(services, service_changes) if anew else service_changes
    endpoints, endpoint_changes = endpoint_sources.update(
        old.endpoint_index, registries, replaced, to_fill, workload_changes
    )
    made = Snapshot(
        settings=settings,
        objects=objects,
        seen=seen,
        conversions=converted,
        known=known,
        workloads=workloads,
        service_index=services,
        endpoint_index=endpoints,
        routing=routing.update(old.routing, known, replaced, settings),
        rules=_rules(old, known, replaced, settings),
        gateways=_gateways(old, known, replaced),
        credentials=credentials.update(old.credentials, seen, replaced),
        peer_authentications=_peer_authentications(old, seen, replaced, settings),
        policies=policies.update(old.policies, seen, replaced),
        extensions=extensions.update(old.extensions, seen, replaced),
        sidecars=_sidecars(old, seen, replaced, settings),
        host_addresses=host_addresses.update(old.host_addresses, seen, replaced),
    )
    derived = Derived(service_changes, workload_changes, endpoint_changes)
    return made, describe(old, made, replaced, derived)


def _everything(index: ServiceIndex, changes: tuple[ServiceChange, ...]) -> tuple[ServiceChange, ...]:
    """All declarations of services as if they had changed."""
    changed = {each.key for each in changes}
    return (*changes, *(ServiceChange(key, now, now) for key, now in index.declared.items() if key not in changed))


def _rules(
    old: Snapshot, seen: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings
) -> DestinationRules:
    dirty = {each.key.namespace for each in replaced if each.key.kind == DestinationRule.KIND}
    if not dirty and settings is old.settings:
        return old.rules
    return destination_rules.update(old.rules, seen.of(DestinationRule), dirty, settings)


def _gateways(old: Snapshot, seen: ObjectStore, replaced: tuple[Replacement, ...]) -> tuple[GatewayServers, ...]:
    if not _has(replaced, Gateway):
        return old.gateways
    known = {each.servers[0].gateway: each for each in old.gateways if each.servers}
    fresh = gateways.build(seen.of(Gateway))
    kept = tuple(_same(known.get(each.servers[0].gateway) if each.servers else None, each) for each in fresh)
    return _same(old.gateways, kept)


def _peer_authentications(
    old: Snapshot, seen: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings
) -> PeerAuthentications:
    if not _has(replaced, PeerAuthentication) and settings is old.settings:
        return old.peer_authentications
    fresh = peer_authentications.build(seen.of(PeerAuthentication), settings.mesh.root_namespace)
    return _same(old.peer_authentications, fresh)


def _sidecars(old: Snapshot, seen: ObjectStore, replaced: tuple[Replacement, ...], settings: MeshSettings) -> Sidecars:
    if not _has(replaced, Sidecar) and settings is old.settings:
        return old.sidecars
    return _same(old.sidecars, sidecars.build(seen.of(Sidecar), settings.mesh.root_namespace))


def _has(replaced: tuple[Replacement, ...], kind: type[Object]) -> bool:
    return any(each.key.kind == kind.KIND for each in replaced)


def _same(old: T | None, new: T) -> T:
    return old if old is not None and old == new else new
