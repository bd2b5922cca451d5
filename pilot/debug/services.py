"""Services, endpoints and gateways of networks, as istiod's debug pages show them.

In: the snapshot. Out: `registryz`, `endpointShardz`, `endpointz`, `networkz`. Source: operations 3.2; recorded.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pilot.debug.console import Entry, Later, Question
from pilot.mesh import Mesh
from pilot.model.endpoint import Endpoint, Health
from pilot.model.kubernetes import KubernetesService
from pilot.model.service import Resolution, Service, ServicePort, TrafficDistribution
from pilot.model.snapshot import Snapshot

_RESOLUTION: Final = {
    Resolution.CLIENT_SIDE: 0,
    Resolution.DNS: 1,
    Resolution.PASSTHROUGH: 2,
    Resolution.DNS_ROUND_ROBIN: 3,
    Resolution.ALIAS: 4,
    Resolution.DYNAMIC_DNS: 5,
}
_DISTRIBUTION: Final = {
    TrafficDistribution.ANY: 0,
    TrafficDistribution.SAME_ZONE: 1,
    TrafficDistribution.SAME_NODE: 2,
}
_HEALTH: Final = {Health.UNKNOWN: 1, Health.HEALTHY: 1, Health.UNHEALTHY: 2, Health.DRAINING: 3, Health.TERMINATING: 4}


def entries(mesh: Mesh) -> Iterator[Entry]:
    """The pages."""

    def later(show: Callable[[Snapshot], object]) -> Callable[[Question], object]:
        def page(_: Question) -> object:
            snapshot = mesh.snapshot
            return Later(lambda: show(snapshot))

        return page

    yield Entry("registryz", "All services.", later(registry))
    yield Entry("endpointShardz", "Endpoints by service, registry and cluster.", later(shards))
    yield Entry("endpointz", "The old name of endpointShardz.", later(shards))
    yield Entry("networkz", "The ways into other networks.", later(networks))


def registry(snapshot: Snapshot) -> object:
    """All services by name."""
    ordered = sorted(snapshot.services, key=lambda each: (each.hostname, each.namespace))
    return [shown(each, snapshot) for each in ordered]


def shown(service: Service, snapshot: Snapshot) -> dict[str, object]:
    """One service."""
    told: dict[str, object] = {
        "Attributes": _attributes(service, snapshot),
        "ports": [port(each) for each in service.ports],
        "serviceAccounts": list(service.service_accounts),
        "creationTime": service.created or None,
        "hostname": service.hostname,
        "clusterVIPs": {"Addresses": dict(service.cluster_vips) or None},
        "defaultAddress": service.address,
        "autoAllocatedIPv4Address": service.auto_allocated_v4,
        "autoAllocatedIPv6Address": service.auto_allocated_v6,
    }
    told = {key: value for key, value in told.items() if value not in ("", [], None)}
    resolution = _RESOLUTION[service.resolution]
    return told | {"Resolution": resolution, "MeshExternal": service.mesh_external, "ResourceVersion": ""}


def _attributes(service: Service, snapshot: Snapshot) -> dict[str, object]:
    declared = snapshot.seen.get(KubernetesService, service.namespace, service.name) if service.is_kubernetes else None
    targets = {str(each.number): each.target_port for each in service.ports if isinstance(each.target_port, int)}
    return {
        "ServiceRegistry": service.registry.value,
        "Name": service.name,
        "Namespace": service.namespace,
        "Labels": dict(service.labels) or None,
        "ExportTo": {each: {} for each in sorted(service.export_to)} or None,
        "LabelSelectors": dict(service.selector) or None,
        "Aliases": [{"Namespace": each.namespace, "Hostname": each.hostname} for each in service.aliases] or None,
        "ClusterExternalAddresses": _optional("Addresses", service.external_addresses),
        "ClusterExternalPorts": {cluster: dict(ports) for cluster, ports in service.external_ports.items()} or None,
        "PassthroughTargetPorts": (targets or None) if service.is_headless and not service.is_kubernetes else None,
        "Type": declared.spec.type if declared is not None else "",
        "ExternalName": service.external_name,
        "NodeLocal": service.node_local,
        "TrafficDistribution": _DISTRIBUTION[service.traffic_distribution],
        "ObjectName": "" if service.is_kubernetes else service.object_name,
        "PublishNotReadyAddresses": service.publish_not_ready,
    }


def _optional(key: str, value: Mapping[str, object]) -> dict[str, object] | None:
    return {key: dict(value)} if value else None


def port(each: ServicePort) -> dict[str, object]:
    """One port of a service."""
    return {"name": each.name, "port": each.number, "protocol": each.protocol.value}


def shards(snapshot: Snapshot) -> object:
    """Endpoints by host name, namespace, and `provider/cluster`."""
    found: dict[str, dict[str, object]] = {}
    for (hostname, namespace), parts in snapshot.endpoint_index.parts.items():
        by_shard: dict[str, list[object]] = {}
        for key, part in parts.items():
            by_shard.setdefault(f"{key[0]}/{key[1]}", []).extend(_endpoint(each, snapshot) for each in part)
        known = snapshot.endpoints.get((hostname, namespace))
        accounts: dict[str, object] = {each: {} for each in known.accounts} if known is not None else {}
        found.setdefault(hostname, {})[namespace] = {"Shards": by_shard, "ServiceAccounts": accounts}
    return dict(sorted(found.items()))


def _endpoint(each: Endpoint, snapshot: Snapshot) -> dict[str, object]:
    return {
        "Labels": dict(each.labels),
        "Addresses": list(each.addresses),
        "ServicePortName": each.port_name,
        "LegacyClusterPortKey": 0,
        "ServiceAccount": each.service_account,
        "Network": each.network,
        "Locality": {"Label": _three(each.locality), "ClusterID": each.cluster_id},
        "EndpointPort": each.port,
        "LbWeight": each.weight,
        "TLSMode": each.tls_mode or "disabled",
        "Namespace": each.namespace,
        "WorkloadName": each.workload,
        "HostName": each.hostname,
        "SubDomain": each.subdomain,
        "HealthStatus": _HEALTH[each.health],
        "SendUnhealthyEndpoints": snapshot.features.send_unhealthy_endpoints,
        "NodeName": each.node,
    }


def _three(locality: str) -> str:
    """istiod writes all three parts, or none."""
    return locality + "/" * (2 - locality.count("/")) if locality else ""


def networks(snapshot: Snapshot, *, named: bool = False) -> object:
    """The ways into networks; null where there are none. `named`: before names were looked up."""
    tunnels, known = snapshot.conversions.waypoints.gateways, (snapshot.network_gateways, snapshot.tunnel_gateways)
    known = (known[0].for_names(), known[1].for_names()) if named else known
    gateways: dict[tuple[str, str, str], dict[bool, int]] = {}
    for each in sorted({each for found in known for ways in found.by_network.values() for each in ways}):
        gateways.setdefault((each.address, each.network, each.cluster_id), {})[each.hbone] = each.port
    accounts = {(each.network, each.address.ip): (each.namespace, each.account) for each in tunnels}
    return [_way(place, ports, accounts) for place, ports in gateways.items()] or None


def _way(
    place: tuple[str, str, str], ports: Mapping[bool, int], accounts: Mapping[tuple[str, str], tuple[str, str]]
) -> Mapping[str, object]:
    """`ports`: for tunnels, and for mutual TLS."""
    address, network, cluster = place
    namespace, name = accounts.get((network, address), ("", "")) if True in ports else ("", "")
    return {
        "Network": network,
        "Cluster": cluster,
        "Addr": address,
        "Port": ports.get(False, 0),
        "HBONEPort": ports.get(True, 0),
        "ServiceAccount": {"Namespace": namespace, "Name": name},
    }
