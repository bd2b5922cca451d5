"""DestinationRules, and addresses of ServiceEntries.

In: a store. Out: messages. Source: operations 18 (IST0128, 0129, 0134, 0173, 0174).
"""

from collections.abc import Iterator, Mapping

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store, covers
from pilot.analysis.values import Value, at, labels_at, mappings_at, number_at, selects, text_at, texts_at
from pilot.model.decoding import Path

_HOSTNAME = "kubernetes.io/hostname"
_LOCALITY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def certificates(store: Store) -> Iterator[Message]:
    """TLS to servers that may be anybody."""
    for each in store.of("DestinationRule"):
        host = text_at(each.spec, "host")
        chosen = at(each.spec, "workloadSelector") is not None
        where = f"DestinationRule {each.title}"
        mode = _unchecked(at(each.spec, "trafficPolicy", "tls"), chosen)
        if mode:
            path: Path = ("spec", "trafficPolicy", "tls", "mode")
            yield message("IST0128", each, where, each.namespace, mode, host, path=path)
        for index, one in enumerate(mappings_at(each.spec, "trafficPolicy", "portLevelSettings")):
            mode = _unchecked(at(one, "tls"), chosen)
            if mode:
                port = number_at(one, "port", "number")
                path = ("spec", "trafficPolicy", "portLevelSettings", index, "tls", "mode")
                yield message("IST0129", each, where, each.namespace, mode, host, port, path=path)


def _unchecked(tls: object, chosen: bool) -> str:
    """The mode of TLS without authorities; empty where all is well."""
    mode = text_at(tls, "mode")
    if mode not in ("SIMPLE", "MUTUAL") or text_at(tls, "caCertificates"):
        return ""
    return "" if text_at(tls, "credentialName") and chosen else mode


def unknown_hosts(store: Store) -> Iterator[Message]:
    """Rules for hosts that the mesh does not know."""
    for each in store.of("DestinationRule"):
        host = text_at(each.spec, "host")
        if host and not _known(host, each, store):
            yield message("IST0174", each, host, path=("spec", "host"))


def _known(host: str, item: Item, store: Store) -> bool:
    if host.startswith("*"):
        return any(covers(host, one) for one in store.hosts)
    return store.host(host, item.namespace) is not None


def empty_subsets(store: Store) -> Iterator[Message]:
    """Subsets that no pod is in: neither one that the host selects, nor, where it selects none, any other."""
    nodes = {each.name: each for each in store.of("Node")}
    pods = [_with_place(pod, nodes) for pod in store.pods(None, {})]
    for each in store.of("DestinationRule"):
        found = store.host(text_at(each.spec, "host"), each.namespace)
        if found is None:
            continue
        path = ("selector",) if found.item.kind == "Service" else ("workloadSelector", "labels")
        selector = labels_at(found.item.spec, *path)
        for index, subset in enumerate(mappings_at(each.spec, "subsets")):
            wanted = {**selector, **labels_at(subset, "labels")}
            if not any(selects(wanted, one) for one in pods):
                yield message("IST0173", each, text_at(subset, "name"), path=("spec", "subsets", index))


def _with_place(pod: Item, nodes: Mapping[str, Item]) -> dict[str, str]:
    """A pod's labels, with its node and where that is."""
    name = text_at(pod.value, "spec", "nodeName")
    labels = nodes[name].labels if name in nodes else {}
    place = {key: value for key, value in labels.items() if key in _LOCALITY}
    return {**pod.labels, **place, **({_HOSTNAME: name} if name else {})}


def addresses(store: Store) -> Iterator[Message]:
    """Ports of ServiceEntries whose traffic cannot be told from other traffic."""
    settings = labels_at(store.mesh, "defaultConfig", "proxyMetadata")
    if settings.get("ISTIO_META_DNS_AUTO_ALLOCATE") == "true" and settings.get("ISTIO_META_DNS_CAPTURE") == "true":
        return
    for each in store.of("ServiceEntry"):
        if texts_at(each.spec, "addresses") or _allocated(each):
            continue
        for index, port in enumerate(mappings_at(each.spec, "ports")):
            if text_at(port, "protocol").upper() in ("", "TCP"):
                yield message("IST0134", each, number_at(port, "number"), path=("spec", "ports", index))


def _allocated(entry: Item) -> list[Value]:
    return mappings_at(entry.value, "status", "addresses")
