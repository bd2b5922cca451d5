"""Objects that choose workloads: Sidecars, Telemetries, policies.

In: a store. Out: messages. Source: operations 18 (IST0101 of selectors and namespaces, 0110, 0111, 0127, 0157, 0159,
0160, 0166, 0167).
"""

from collections.abc import Iterator, Mapping

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import Store
from pilot.analysis.values import at, labels_at, mappings_at, selects, texts_at
from pilot.model.decoding import Path

_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "Sidecar": ("workloadSelector", "labels"),
    "Telemetry": ("selector", "matchLabels"),
    "AuthorizationPolicy": ("selector", "matchLabels"),
    "RequestAuthentication": ("selector", "matchLabels"),
    "WasmPlugin": ("selector", "matchLabels"),
}


def selector_of(item: Item) -> dict[str, str]:
    """The labels by which it chooses; empty: it chooses all."""
    return labels_at(item.spec, *_SELECTORS[item.kind])


def _pods_of(item: Item, store: Store) -> list[Item]:
    """In its namespace; what is in the root namespace is for every one, except a Sidecar or a Telemetry."""
    anywhere = item.namespace == store.root_namespace and item.kind not in ("Sidecar", "Telemetry")
    return store.pods(None if anywhere else item.namespace, selector_of(item))


def _shown(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def sidecars(store: Store) -> Iterator[Message]:
    """Sidecars that meet on a pod or in a namespace."""
    yield from _conflicts(store, "Sidecar", "IST0110", "IST0111")


def telemetries(store: Store) -> Iterator[Message]:
    """The same of Telemetries."""
    yield from _conflicts(store, "Telemetry", "IST0159", "IST0160")


def _conflicts(store: Store, kind: str, on_pod: str, in_namespace: str) -> Iterator[Message]:
    by_namespace: dict[str, list[Item]] = {}
    for each in store.of(kind):
        if not at(each.spec, "targetRefs") and not at(each.spec, "targetRef"):
            by_namespace.setdefault(each.namespace, []).append(each)
    for namespace, found in by_namespace.items():
        general = [each for each in found if not selector_of(each)]
        if len(general) > 1:
            for each in general:
                yield message(in_namespace, each, _names(general), namespace)
        choosing = [each for each in found if selector_of(each)]
        for each in choosing:
            if not store.pods(namespace, selector_of(each)):
                yield message("IST0101", each, "selected workload", _shown(selector_of(each)))
        for pod in store.pods(namespace, {}) if len(choosing) > 1 else ():
            hit = [each for each in choosing if selects(selector_of(each), pod.labels)]
            for each in hit if len(hit) > 1 and store.in_mesh(pod) else ():
                yield message(on_pod, each, _names(hit), namespace, pod.name)


def _names(found: list[Item]) -> str:
    return f"[{' '.join(each.name for each in found)}]"


def log_providers(store: Store) -> Iterator[Message]:
    """Access logs without a place to go."""
    if texts_at(store.mesh, "defaultProviders", "accessLogging"):
        return
    for each in store.of("Telemetry"):
        for index, one in enumerate(mappings_at(each.spec, "accessLogging")):
            if not mappings_at(one, "providers") and at(one, "disabled") is not True:
                path = ("spec", "accessLogging", index)
                yield message("IST0157", each, each.name, each.namespace, path=path)


def policies_for_nobody(store: Store) -> Iterator[Message]:
    """Authorization policies that no workload obeys."""
    for each in store.of("AuthorizationPolicy"):
        if each.namespace == store.root_namespace and not selector_of(each):
            continue  # it is for everybody who will ever come
        pods = _pods_of(each, store)
        if not any(store.in_mesh(pod) or store.is_ambient(pod) for pod in pods):
            yield message("IST0127", each, _shown(selector_of(each)))


def source_namespaces(store: Store) -> Iterator[Message]:
    """Authorization policies that speak of namespaces that are not there."""
    for each in store.of("AuthorizationPolicy"):
        for number, rule in enumerate(mappings_at(each.spec, "rules")):
            for place, one in enumerate(mappings_at(rule, "from")):
                start: Path = ("spec", "rules", number, "from", place, "source")
                for field in ("namespaces", "notNamespaces"):
                    for index, name in enumerate(texts_at(one, "source", field)):
                        if not any(_matches(name, there) for there in store.namespaces):
                            yield message("IST0101", each, "namespace", name, path=(*start, field, index))


def _matches(pattern: str, name: str) -> bool:
    if pattern == "*" or pattern == name:
        return True
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern.startswith("*") and name.endswith(pattern[1:])


def kubernetes_gateways(store: Store) -> Iterator[Message]:
    """Selectors that hit pods of a Kubernetes Gateway, which are reached by reference only."""
    for kind in ("AuthorizationPolicy", "RequestAuthentication", "Telemetry", "WasmPlugin"):
        for each in store.of(kind):
            if not selector_of(each) or at(each.spec, "targetRefs") or at(each.spec, "targetRef"):
                continue
            pods = store.pods(each.namespace, selector_of(each))
            for name in dict.fromkeys(pod.labels.get(_GATEWAY_NAME, "") for pod in pods):
                if name:
                    yield message("IST0166", each, name)


def sidecars_in_ambient(store: Store) -> Iterator[Message]:
    """Sidecars for workloads that have none."""
    for each in store.of("Sidecar"):
        if selector_of(each):
            if any(store.is_ambient(pod) for pod in store.pods(each.namespace, selector_of(each))):
                yield message("IST0167", each, "a workload that it selects is in ambient mode")
        elif store.mode_of(each.namespace) == "ambient":
            yield message("IST0167", each, "its namespace is in ambient mode")
