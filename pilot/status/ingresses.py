"""Where Ingresses are reached: the addresses of the gateway that serves them.

In: a snapshot. Out: the status of each Ingress of ours; an empty one where the gateway has no address, so that nobody
is sent to where it was. Source: Kubernetes controllers behaviour 6.5, 6.6.
"""

from collections.abc import Iterator

from pilot.model.ingress_routes import gateway_label, namespace_of, select_ingresses
from pilot.model.kubernetes import KubernetesService, Node, Pod
from pilot.model.mesh_settings import is_ip
from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status.condition import Part

EXTERNAL_IP = "ExternalIP"


class IngressAddress(Part, frozen=True):
    """`status.loadBalancer.ingress[]`."""

    ip: str = ""
    hostname: str = ""


class LoadBalancer(Part, frozen=True):
    """`status.loadBalancer`."""

    ingress: tuple[IngressAddress, ...]


class IngressStatus(Part, frozen=True):
    """`status` of an Ingress."""

    load_balancer: LoadBalancer


def statuses(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, IngressStatus]]:
    """All of ours have the same."""
    ours = select_ingresses(snapshot.seen, snapshot.settings)
    if not ours:
        return
    found = sorted(set(_addresses(snapshot)))
    shown = tuple(IngressAddress(ip=each) if is_ip(each) else IngressAddress(hostname=each) for each in found)
    status = IngressStatus(LoadBalancer(shown))
    for each in ours:
        yield each.key, status


def _addresses(snapshot: Snapshot) -> Iterator[str]:
    """Of the Service that MeshConfig names, or of the nodes on which the gateway runs where it names none."""
    name, namespace = snapshot.mesh.ingress_service, namespace_of(snapshot.settings)
    if not name:
        yield from _nodes(snapshot, namespace)
        return
    service = snapshot.seen.get(KubernetesService, namespace, name)
    if service is None:
        return
    if service.spec.type == "ExternalName":
        yield service.spec.external_name
        return
    yield from filter(None, (each.ip or each.hostname for each in service.status.load_balancer.ingress))
    yield from service.spec.external_ips


def _nodes(snapshot: Snapshot, namespace: str) -> Iterator[str]:
    label = gateway_label(snapshot.settings)
    for pod in snapshot.seen.kinds.get(Pod.KIND, {}).get(namespace, {}).values():
        if not isinstance(pod, Pod) or pod.metadata.labels.get("istio") != label:
            continue
        node = snapshot.objects.get(Node, "", pod.spec.node_name)
        for address in node.status.addresses if node is not None else ():
            if address.type == EXTERNAL_IP and address.address:
                yield address.address
