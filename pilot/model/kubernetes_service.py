"""Kubernetes Services as services of the mesh.

In: a decoded Service. Out: a `Service`. Its endpoints are found by `endpoint_slices.py`.
Source: xDS behaviour 2.2, 2.3, 2.8.
"""

import json
from collections.abc import Iterable, Mapping

from pilot.model.kubernetes import KubernetesService, Node
from pilot.model.mesh_settings import MeshSettings
from pilot.model.protocol import select_protocol
from pilot.model.service import (
    UNSPECIFIED_ADDRESS,
    Hostname,
    Namespace,
    Registry,
    Resolution,
    Service,
    ServicePort,
    TrafficDistribution,
)

EXPORT_TO = "networking.istio.io/exportTo"
NODE_SELECTOR = "traffic.istio.io/nodeSelector"
_DISTRIBUTION = "networking.istio.io/traffic-distribution"
_RAW_ACCOUNTS = "alpha.istio.io/canonical-serviceaccounts"
_ACCOUNTS = "alpha.istio.io/kubernetes-serviceaccounts"
_DISTRIBUTIONS = {
    "preferclose": TrafficDistribution.SAME_ZONE,
    "prefersamezone": TrafficDistribution.SAME_ZONE,
    "prefersamenode": TrafficDistribution.SAME_NODE,
}


def parse_list(text: str) -> tuple[str, ...]:
    """Comma separated values of an annotation, trimmed."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_distribution(declared: str, annotations: Mapping[str, str]) -> TrafficDistribution:
    """The preference for near endpoints that a field, or else an annotation, asks for."""
    return _DISTRIBUTIONS.get((declared or annotations.get(_DISTRIBUTION, "")).lower(), TrafficDistribution.ANY)


def service_of_kubernetes(
    declared: KubernetesService, nodes: Iterable[Node], around: Mapping[str, str], settings: MeshSettings
) -> Service:
    """The service. `nodes` matter only to NodePort services that say by annotation which nodes are gateways; `around`:
    labels of its namespace.
    """
    spec, annotations = declared.spec, declared.metadata.annotations
    addresses = _cluster_addresses(declared)
    external, external_ports = _external(declared, nodes)
    external_name = spec.external_name if spec.type == "ExternalName" else ""
    return Service(
        hostname=Hostname(settings.host_of(declared.name, declared.namespace)),
        namespace=Namespace(declared.namespace),
        name=declared.name,
        ports=_ports(declared),
        resolution=_resolution(declared),
        registry=Registry.KUBERNETES,
        origin=declared.origin,
        created=declared.created,
        address=addresses[0] if addresses else UNSPECIFIED_ADDRESS,
        cluster_vips={settings.cluster_id: addresses} if addresses else {},
        mesh_external=bool(external_name),
        labels=declared.metadata.labels,
        selector=spec.selector if not external_name else {},
        export_to=frozenset(parse_list(annotations.get(EXPORT_TO, ""))),
        service_accounts=_accounts(declared, settings),
        external_addresses={settings.cluster_id: external} if external else {},
        external_ports={settings.cluster_id: external_ports} if external_ports else {},
        external_name=external_name,
        node_local=spec.internal_traffic_policy == "Local",
        traffic_distribution=parse_distribution(spec.traffic_distribution, annotations),
        publish_not_ready=spec.publish_not_ready_addresses,
        is_global=settings.is_global(declared.metadata.labels, around),
        object_name=declared.name,
    )


def _resolution(declared: KubernetesService) -> Resolution:
    if declared.spec.type == "ExternalName" and declared.spec.external_name:
        return Resolution.ALIAS
    if declared.spec.cluster_ip == "None":
        return Resolution.PASSTHROUGH
    return Resolution.CLIENT_SIDE


def _cluster_addresses(declared: KubernetesService) -> tuple[str, ...]:
    first = declared.spec.cluster_ip
    if not first or first == "None":
        return ()
    return (first, *(each for each in declared.spec.cluster_ips if each not in (first, "None", "")))


def _ports(declared: KubernetesService) -> tuple[ServicePort, ...]:
    return tuple(
        ServicePort(
            name=each.name,
            number=each.port,
            protocol=select_protocol(each.port, each.protocol, each.app_protocol, each.name),
            target_port=each.target_port or None,
        )
        for each in declared.spec.ports
    )


def _accounts(declared: KubernetesService, settings: MeshSettings) -> tuple[str, ...]:
    annotations = declared.metadata.annotations
    own = (settings.spiffe_id(declared.namespace, each) for each in parse_list(annotations.get(_ACCOUNTS, "")))
    return tuple(sorted({*parse_list(annotations.get(_RAW_ACCOUNTS, "")), *own}))


def _external(declared: KubernetesService, nodes: Iterable[Node]) -> tuple[tuple[str, ...], Mapping[int, int]]:
    """Addresses from outside the cluster, and the port there for each service port where it differs."""
    spec = declared.spec
    addresses: list[str] = []
    ports: dict[int, int] = {}
    if spec.type == "LoadBalancer":
        addresses.extend(each.ip or each.hostname for each in declared.status.load_balancer.ingress)
    elif spec.type == "NodePort" and NODE_SELECTOR in declared.metadata.annotations:
        wanted = parse_node_selector(declared.metadata.annotations[NODE_SELECTOR])
        for node in nodes:
            if wanted is not None and wanted.items() <= node.metadata.labels.items():
                addresses.extend(each.address for each in node.status.addresses if each.type == "ExternalIP")
        ports = {each.port: each.node_port for each in spec.ports if each.node_port}
    addresses.extend(spec.external_ips)
    return tuple(dict.fromkeys(filter(None, addresses))), ports


def parse_node_selector(text: str) -> Mapping[str, str] | None:
    """Labels of gateway nodes, from a JSON object in an annotation: `{}` for every node, None where it is malformed."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
