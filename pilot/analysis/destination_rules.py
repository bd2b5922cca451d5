"""DestinationRules, and addresses of ServiceEntries.

In: a store. Out: messages. Source: operations 18 (IST0128, 0129, 0134, 0173, 0174).
"""

from collections.abc import Iterator

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store, covers
from pilot.analysis.values import Value, at, labels_at, mappings_at, number_at, selects, text_at, texts_at
from pilot.model.decoding import Path

_LOCALITY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def certificates(store: Store) -> Iterator[Message]:
    """TLS to servers that may be anybody."""
    for each in store.of("DestinationRule"):
        host = text_at(each.spec, "host")
        chosen = bool(labels_at(each.spec, "workloadSelector", "matchLabels"))
        policies: list[tuple[Path, Value]] = [(("spec",), each.spec)]
        policies += [(("spec", "subsets", i), one) for i, one in enumerate(mappings_at(each.spec, "subsets"))]
        for start, holder in policies:
            where = f"DestinationRule {each.title}"
            mode = _unchecked(at(holder, "trafficPolicy", "tls"), chosen)
            if mode:
                path: Path = (*start, "trafficPolicy", "tls", "mode")
                yield message("IST0128", each, where, each.namespace, mode, host, path=path)
            for index, one in enumerate(mappings_at(holder, "trafficPolicy", "portLevelSettings")):
                mode = _unchecked(at(one, "tls"), chosen)
                if mode:
                    port = number_at(one, "port", "number")
                    path = (*start, "trafficPolicy", "portLevelSettings", index, "tls", "mode")
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
    """Subsets that no pod of the service is in."""
    for each in store.of("DestinationRule"):
        found = store.host(text_at(each.spec, "host"), each.namespace)
        if found is None or found.item.kind != "Service":
            continue
        selector = labels_at(found.item.spec, "selector")
        if not selector:
            continue  # its endpoints are somebody else's
        pods = [_with_locality(pod, store) for pod in store.pods(found.item.namespace, selector)]
        pods += [_entry_labels(one) for one in store.of("WorkloadEntry") if one.namespace == found.item.namespace]
        for index, subset in enumerate(mappings_at(each.spec, "subsets")):
            labels = {**labels_at(subset, "labels")}
            if labels and not any(selects(labels, one) for one in pods):
                yield message("IST0173", each, text_at(subset, "name"), path=("spec", "subsets", index))


def _with_locality(pod: Item, store: Store) -> dict[str, str]:
    """A pod's labels, with where its node is."""
    name = text_at(pod.value, "spec", "nodeName")
    node = next((each for each in store.of("Node") if each.name == name), None)
    place = {key: value for key, value in node.labels.items() if key in _LOCALITY} if node is not None else {}
    return {**place, **pod.labels}


def _entry_labels(entry: Item) -> dict[str, str]:
    return labels_at(entry.spec, "labels")


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
