"""Everything that an analysis may look at: objects by kind, the mesh's settings, what is found in them.

In: items and a MeshConfig. Out: a `Store`, which answers what several analyzers ask: which pods are in the mesh, which
hosts there are, what a selector selects. Reads nothing by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from pilot.analysis.item import Item
from pilot.analysis.values import Value, at, labels_at, mapping_at, mappings_at, selects, text_at, texts_at

ISTIO = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
KUBERNETES_GATEWAYS = "gateway.networking.k8s.io"
INJECTION, REVISION, MODE = "istio-injection", "istio.io/rev", "istio.io/dataplane-mode"
INJECT = "sidecar.istio.io/inject"
PROXY = "istio-proxy"
SYSTEM = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))
"""Namespaces of Kubernetes itself."""


@dataclass(frozen=True, slots=True)
class Host:
    """One name that the mesh knows."""

    name: str
    item: Item
    ports: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Store:
    """Objects, in the order of namespace and name; `mesh`: the MeshConfig in force."""

    items: tuple[Item, ...]
    mesh: Mapping[str, object] = field(default_factory=dict)
    revision: str = ""
    root_namespace: str = "istio-system"
    domain: str = "cluster.local"

    def of(self, kind: str, group: str | None = None) -> list[Item]:
        """Those of a kind; `group`: only of that API group. `Gateway` and its kin need it."""
        return [each for each in self._by_kind.get(kind, ()) if group is None or each.group == group]

    def find(self, kind: str, namespace: str, name: str, group: str | None = None) -> Item | None:
        """One of them."""
        found = (each for each in self.of(kind, group) if each.name == name and each.namespace == namespace)
        return next(found, None)

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for each in sorted(self.items, key=lambda item: (item.namespace, item.name)):
            found.setdefault(each.kind, []).append(each)
        return found

    @cached_property
    def namespaces(self) -> Mapping[str, Item]:
        """By name."""
        return {each.name: each for each in self.of("Namespace")}

    def is_system(self, namespace: str) -> bool:
        """Of Kubernetes or of the control plane."""
        return namespace in SYSTEM or namespace == self.root_namespace

    def injects(self, namespace: str) -> bool:
        """Whether its labels ask for proxies."""
        found = self.namespaces.get(namespace)
        if found is None:
            return False
        labels = found.labels
        return labels.get(INJECTION) == "enabled" or (INJECTION not in labels and bool(labels.get(REVISION)))

    def in_mesh(self, item: Item) -> bool:
        """Whether a pod, or the pods of a Deployment, have a proxy or will get one."""
        template = self.pod_of(item)
        if any(text_at(each, "name") == PROXY for each in containers(template)):
            return True
        if at(template, "spec", "hostNetwork") is True:
            return False
        wanted = labels_at(template, "metadata", "labels").get(INJECT) or labels_at(
            template, "metadata", "annotations"
        ).get(INJECT)
        return wanted == "true" if wanted else self.injects(item.namespace)

    def is_ambient(self, pod: Item) -> bool:
        """Whether ztunnel carries a pod's traffic."""
        if pod.annotations.get("ambient.istio.io/redirection") == "enabled":
            return True
        own = pod.labels.get(MODE)
        return (own or self.mode_of(pod.namespace)) == "ambient"

    def mode_of(self, namespace: str) -> str:
        """`ambient`, or what else its label says."""
        found = self.namespaces.get(namespace)
        return found.labels.get(MODE, "") if found is not None else ""

    @staticmethod
    def pod_of(item: Item) -> Value:
        """A pod itself, the template of anything else."""
        return item.value if item.kind == "Pod" else mapping_at(item.value, "spec", "template")

    def pods(self, namespace: str | None, selector: Mapping[str, str]) -> list[Item]:
        """Pods with labels; `namespace` None: anywhere."""
        near = (each for each in self.of("Pod") if namespace is None or each.namespace == namespace)
        return [each for each in near if selects(selector, each.labels)]

    @cached_property
    def hosts(self) -> Mapping[str, Host]:
        """By full name: Services, then hosts of ServiceEntries."""
        found: dict[str, Host] = {}
        for each in self.of("Service", ""):
            name = f"{each.name}.{each.namespace}.svc.{self.domain}"
            found[name] = Host(name, each, _ports(each, "port"))
        for each in self.of("ServiceEntry"):
            for name in texts_at(each.spec, "hosts"):
                if name != "*":  # no host may be that: it would know everything
                    found.setdefault(name, Host(name, each, _ports(each, "number")))
        return found

    def full_name(self, host: str, namespace: str) -> str:
        """A short name is one of the namespace."""
        return host if "." in host or host.startswith("*") else f"{host}.{namespace}.svc.{self.domain}"

    def host(self, name: str, namespace: str) -> Host | None:
        """What a host names: exactly, in full, or by a wildcard of a ServiceEntry."""
        found = self.hosts.get(self.full_name(name, namespace)) or self.hosts.get(name)
        if found is not None:
            return found
        wild = (each for each in self.hosts.values() if each.name.startswith("*") and covers(each.name, name))
        return next(wild, None)

    @cached_property
    def injector(self) -> Value:
        """Values of the injector of the revision; empty where nothing is known of it."""
        return self.injector_of(self.revision)

    def injector_of(self, revision: str) -> Value:
        """Values of a revision's injector."""
        plain = revision in ("", "default")
        name = "istio-sidecar-injector" if plain else f"istio-sidecar-injector-{revision}"
        found = self.find("ConfigMap", self.root_namespace, name)
        text = text_at(found.value, "data", "values") if found is not None else ""
        try:
            return mapping_at({"values": yaml.safe_load(text)}, "values") if text else {}
        except yaml.YAMLError:
            return {}


def containers(template: Value) -> list[Value]:
    """All of a pod: those that are started first, too."""
    return [*mappings_at(template, "spec", "initContainers"), *mappings_at(template, "spec", "containers")]


def covers(pattern: str, host: str) -> bool:
    """Whether a host, or a wildcard of hosts, lies within a pattern."""
    if pattern == "*" or pattern == host:
        return True
    return pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether two host patterns have a host in common."""
    return covers(one, other) or covers(other, one)


def _ports(item: Item, key: str) -> tuple[int, ...]:
    found = (at(each, key) for each in mappings_at(item.spec, "ports"))
    return tuple(dict.fromkeys(each for each in found if isinstance(each, int)))


def store(items: Iterable[Item], mesh: Mapping[str, object], revision: str = "") -> Store:
    """A store with every namespace that its objects are in, and `default`: no cluster is without it."""
    given = tuple(items)
    there = {each.name for each in given if each.kind == "Namespace"}
    wanted = {each.namespace for each in given if each.namespace} | {"default"}
    implied = [
        Item("Namespace", "", "", name, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for name in sorted(wanted - there)
    ]
    root = text_at(mesh, "rootNamespace") or "istio-system"
    return Store((*given, *implied), mesh, revision, root)
