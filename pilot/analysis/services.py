"""Ports of Services, and Deployments that several Services share.

In: a store. Out: messages. Source: operations 18 (IST0116, 0118, 0137, 0150, 0170).
"""

from collections.abc import Iterator, Mapping

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store
from pilot.analysis.values import Value, labels_at, mappings_at, number_at, selects, text_at
from pilot.model.protocol import select_protocol
from pilot.model.service import PortProtocol

_MANAGED = "gateway.istio.io/managed"


def port_names(store: Store) -> Iterator[Message]:
    """Ports whose names say no protocol."""
    for each in store.of("Service", ""):
        if store.is_system(each.namespace) or each.labels.get(_MANAGED):
            continue
        external = text_at(each.spec, "type") == "ExternalName"
        for index, port in enumerate(mappings_at(each.spec, "ports")):
            unknown = _protocol(port) is PortProtocol.UNKNOWN
            path = ("spec", "ports", index)
            if external:
                if unknown or text_at(port, "name") == "tcp":
                    yield message("IST0150", each, text_at(port, "name") or number_at(port, "port"), path=path)
            elif unknown:
                number = number_at(port, "port")
                target = text_at(port, "targetPort") or number
                yield message("IST0118", each, text_at(port, "name"), number, target, path=path)


def _protocol(port: Value) -> PortProtocol:
    """As the control plane derives it."""
    said = (text_at(port, each) for each in ("protocol", "appProtocol", "name"))
    return select_protocol(number_at(port, "port"), *said)


def shared_deployments(store: Store) -> Iterator[Message]:
    """Services that disagree about the ports of one Deployment in the mesh."""
    for each in store.of("Deployment"):
        if not store.in_mesh(each):
            continue
        ports = list(_ports(each, store))
        yield from _protocol_conflicts(each, ports)
        yield from _port_conflicts(each, ports)


_Port = tuple[str, int, str, str]
"""Name of the service, port, target port, protocol."""


def _ports(deployment: Item, store: Store) -> Iterator[_Port]:
    labels = labels_at(store.pod_of(deployment), "metadata", "labels")
    for each in store.of("Service", ""):
        selector = labels_at(each.spec, "selector")
        if each.namespace != deployment.namespace or not selector or not selects(selector, labels):
            continue
        for port in mappings_at(each.spec, "ports"):
            number = number_at(port, "port")
            target = text_at(port, "targetPort") or str(number)
            yield each.title, number, target, text_at(port, "protocol") or "TCP"


def _protocol_conflicts(deployment: Item, ports: list[_Port]) -> Iterator[Message]:
    by_port: dict[int, list[_Port]] = {}
    for each in ports:
        by_port.setdefault(each[1], []).append(each)
    for number, found in sorted(by_port.items()):
        if len({each[3] for each in found}) > 1:
            yield message("IST0116", deployment, deployment.name, number, _listed(found))


def _port_conflicts(deployment: Item, ports: list[_Port]) -> Iterator[Message]:
    by_target: dict[tuple[str, str], list[_Port]] = {}
    for each in ports:
        by_target.setdefault((each[2], each[3]), []).append(each)
    for (target, _), found in sorted(by_target.items()):
        numbers = sorted({each[1] for each in found})
        if len(numbers) > 1 and len({each[0] for each in found}) > 1:
            shown = f"[{' '.join(str(each) for each in numbers)}]"
            yield message("IST0137", deployment, deployment.name, _listed(found), target, shown)


def _listed(found: list[_Port]) -> str:
    return f"[{' '.join(dict.fromkeys(each[0] for each in found))}]"


def over_clusters(store: Store) -> Iterator[Message]:
    """Services that are one service, and differ over clusters."""
    by_name: dict[tuple[str, str], list[Item]] = {}
    for each in store.of("Service", ""):
        by_name.setdefault((each.namespace, each.name), []).append(each)
    for (namespace, name), found in by_name.items():
        clusters = sorted({each.cluster for each in found})
        if len(clusters) < 2:
            continue
        shapes = [_shape(each) for each in found]
        wrong = [what for what in shapes[0] if len({repr(each[what]) for each in shapes}) > 1]
        if wrong:
            yield message("IST0170", found[0], name, namespace, f"[{' '.join(clusters)}]", ", ".join(wrong))


def _shape(item: Item) -> Mapping[str, object]:
    ports = mappings_at(item.spec, "ports")
    return {
        "headless in some": text_at(item.spec, "clusterIP") == "None",
        "type": text_at(item.spec, "type") or "ClusterIP",
        "ports": sorted(ports, key=lambda each: text_at(each, "name")),
    }
