"""What controllers said of objects, networks of unknown clusters, fields that will go away.

In: a store. Out: messages. Source: operations 18 (IST0002, 0126, 0171).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import ISTIO, KUBERNETES_GATEWAYS, Store
from pilot.analysis.values import at, mapping_at, mappings_at, text_at

_BOUND: Final = frozenset(("istio.io/WaypointBound",))
_ROUTE: Final = frozenset(("Accepted", "Programmed", "ResolvedRefs"))
_WATCHED: Final[Mapping[str, frozenset[str]]] = {
    "Service": _BOUND,
    "ServiceEntry": _BOUND,
    "AuthorizationPolicy": frozenset(("ZtunnelAccepted", "WaypointAccepted")),
    "HTTPRoute": _ROUTE,
    "GRPCRoute": _ROUTE,
    "Gateway": _ROUTE,
}
_REGISTRY_SECRETS: Final = ("istio/multiCluster", "true")


def negative(store: Store) -> Iterator[Message]:
    """Conditions that say no."""
    for kind, watched in _WATCHED.items():
        for each in store.of(kind, KUBERNETES_GATEWAYS if kind == "Gateway" else None):
            for condition in _conditions(each):
                type_, reason = text_at(condition, "type"), text_at(condition, "reason")
                partial = (type_, reason) == ("WaypointAccepted", "PartiallyInvalid")
                if type_ in watched and (text_at(condition, "status").lower() == "false" or partial):
                    yield message("IST0171", each, type_, reason, text_at(condition, "message"))


def _conditions(item: Item) -> Iterator[Mapping[str, object]]:
    """Its own, and those of its parents."""
    yield from mappings_at(item.value, "status", "conditions")
    for parent in mappings_at(item.value, "status", "parents"):
        yield from mappings_at(parent, "conditions")


def networks(store: Store) -> Iterator[Message]:
    """Networks that take their endpoints from clusters that nobody has told us of."""
    found = store.find("ConfigMap", store.root_namespace, "istio")
    try:
        parsed = yaml.safe_load(text_at(found.value, "data", "meshNetworks")) if found is not None else None
    except yaml.YAMLError:
        parsed = None
    key, value = _REGISTRY_SECRETS
    known = {
        str(name)
        for each in store.of("Secret")
        if each.labels.get(key) == value
        for name in (*mapping_at(each.value, "data"), *mapping_at(each.value, "stringData"))
    } | {"Kubernetes", "External", "Mock"}
    origin = Item("MeshNetworks", "", store.root_namespace, "meshnetworks", {}, found.place if found else None)
    for name, network in mapping_at({"all": parsed}, "all", "networks").items():
        for one in mappings_at(network, "endpoints"):
            registry = text_at(one, "fromRegistry")
            if registry and registry not in known:
                yield message("IST0126", origin, registry, name)


def deprecated(store: Store) -> Iterator[Message]:
    """Fields, kinds and providers that will go away."""
    for each in store.of("VirtualService", ISTIO[0]):
        for index, rule in enumerate(mappings_at(each.spec, "http")):
            if at(rule, "fault", "delay", "percent"):
                place = ("spec", "http", index, "fault", "delay", "percent")
                yield message("IST0002", each, "http.fault.delay.percent", "use percentage", path=place)
    for each in store.of("Sidecar"):
        if at(each.spec, "outboundTrafficPolicy", "egressProxy"):
            path = ("spec", "outboundTrafficPolicy", "egressProxy")
            yield message("IST0002", each, "outboundTrafficPolicy.egressProxy", "it is for tests only", path=path)
    for each in store.of("CustomResourceDefinition"):
        if each.name.endswith(".rbac.istio.io") or each.name in _REMOVED:
            yield message("IST0002", each, "this kind", "nothing reads it any more")
    yield from _lightstep(store)


_REMOVED: Final = frozenset(
    ("policies.authentication.istio.io", "meshpolicies.authentication.istio.io",
     "clusterrbacconfigs.rbac.istio.io", "rbacconfigs.rbac.istio.io"))  # fmt: skip


def _lightstep(store: Store) -> Iterator[Message]:
    names = {text_at(each, "name") for each in mappings_at(store.mesh, "extensionProviders") if "lightstep" in each}
    for each in store.of("Telemetry"):
        for one in mappings_at(each.spec, "tracing"):
            used = {text_at(provider, "name") for provider in mappings_at(one, "providers")}
            if used & names:
                yield message("IST0002", each, "the Lightstep tracer", "use OpenTelemetry")
