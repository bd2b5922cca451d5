"""All analyses, by name, and how their messages are chosen.

In: a store, what is wanted. Out: messages in order. Every analyzer is a function `Store -> messages`; an entry in
`ANALYZERS` is all that a new one needs. One that fails is reported and costs the others nothing.
Source: operations 18.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from pilot.analysis import (
    annotations,
    conditions,
    destination_rules,
    envoy_filters,
    gateways,
    images,
    namespaces,
    schema,
    services,
    virtual_services,
    webhooks,
    workloads,
)
from pilot.analysis.codes import CODES, Level
from pilot.analysis.item import Item
from pilot.analysis.message import Message, in_order, message
from pilot.analysis.store import Store

Analyzer = Callable[[Store], Iterator[Message]]
_SUPPRESS: Final = "galley.istio.io/analyze-suppress"


@dataclass(frozen=True, slots=True)
class Entry:
    """One analyzer."""

    run: Analyzer
    codes: str
    summary: str
    by_default: bool = True


ANALYZERS: Final[Mapping[str, Entry]] = {
    "annotations.Alpha": Entry(annotations.alpha, "IST0136", "annotations that may change", False),
    "annotations.Deprecated": Entry(annotations.deprecated, "IST0135", "annotations that will go away"),
    "annotations.Placement": Entry(annotations.placement, "IST0107 IST0108", "annotations that do nothing"),
    "annotations.Values": Entry(annotations.values, "IST0125", "values of annotations"),
    "authz.Namespaces": Entry(workloads.source_namespaces, "IST0101", "namespaces in authorization policies"),
    "authz.NoWorkloads": Entry(workloads.policies_for_nobody, "IST0127", "authorization policies for nobody"),
    "conditions.Negative": Entry(conditions.negative, "IST0171", "conditions that say no"),
    "deployment.SharedServices": Entry(services.shared_deployments, "IST0116 IST0137", "services of one Deployment"),
    "deprecation.Fields": Entry(conditions.deprecated, "IST0002", "fields and kinds that will go away"),
    "destinationrule.Certificates": Entry(destination_rules.certificates, "IST0128 IST0129", "TLS without roots"),
    "destinationrule.Hosts": Entry(destination_rules.unknown_hosts, "IST0174", "unknown hosts"),
    "destinationrule.Subsets": Entry(destination_rules.empty_subsets, "IST0173", "subsets without pods"),
    "envoyfilter.Operations": Entry(envoy_filters.operations, "IST0151-IST0155", "operations of patches"),
    "gateway.Conflicts": Entry(gateways.conflicts, "IST0145", "Gateways for the same requests"),
    "gateway.Ports": Entry(gateways.ports, "IST0162", "ports without service"),
    "gateway.Secrets": Entry(gateways.secrets, "IST0101 IST0161", "certificates of Gateways"),
    "gateway.Selectors": Entry(gateways.pods, "IST0101", "Gateways without pods"),
    "gateway.SharedCertificates": Entry(gateways.shared_certificates, "IST0138", "one certificate, many Gateways"),
    "injection.Images": Entry(images.mismatches, "IST0158", "proxies of another version"),
    "injection.Namespaces": Entry(namespaces.injection, "IST0102 IST0123 IST0148", "labels of namespaces"),
    "injection.Pods": Entry(namespaces.missing_proxies, "IST0103", "pods without proxy"),
    "k8sgateway.Selectors": Entry(workloads.kubernetes_gateways, "IST0166", "selectors on Kubernetes Gateways"),
    "multicluster.MeshNetworks": Entry(conditions.networks, "IST0126", "networks of unknown clusters"),
    "multicluster.Services": Entry(services.over_clusters, "IST0170", "services that differ over clusters"),
    "pod.ImageAuto": Entry(images.automatic, "IST0146 IST0147", "image: auto"),
    "pod.User": Entry(images.users, "IST0144", "the proxy's user number"),
    "schema.Objects": Entry(schema.objects_of_istio, "IST0106 IST0130 IST0131 IST0133", "objects in themselves"),
    "service.PortNames": Entry(services.port_names, "IST0118 IST0150", "names of ports"),
    "serviceentry.Addresses": Entry(destination_rules.addresses, "IST0134", "TCP without addresses"),
    "sidecar.Ambient": Entry(workloads.sidecars_in_ambient, "IST0167", "Sidecars in ambient mode"),
    "sidecar.Selectors": Entry(workloads.sidecars, "IST0101 IST0110 IST0111", "Sidecars that meet"),
    "telemetry.Providers": Entry(workloads.log_providers, "IST0157", "access logs without provider"),
    "telemetry.Selectors": Entry(workloads.telemetries, "IST0101 IST0159 IST0160", "Telemetries that meet"),
    "virtualservice.Claims": Entry(virtual_services.claims, "IST0149", "routing by unchecked claims"),
    "virtualservice.Gateways": Entry(virtual_services.gateways, "IST0101 IST0132 IST0165", "gateways of routes"),
    "virtualservice.Hosts": Entry(virtual_services.hosts, "IST0101 IST0112", "destinations"),
    "virtualservice.MeshHosts": Entry(virtual_services.mesh_hosts, "IST0109", "hosts with several routes"),
    "virtualservice.Subsets": Entry(virtual_services.subsets, "IST0101", "subsets of destinations"),
    "virtualservice.SubsetsBehindGateways": Entry(
        virtual_services.subsets_behind_gateways, "IST0140", "rules that gateways do not see"
    ),
    "webhook.Addresses": Entry(webhooks.addresses, "IST0163 IST0164", "URLs of webhooks"),
    "webhook.Injectors": Entry(webhooks.injectors, "IST0139", "injectors that meet"),
}
"""By name."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """`CODE=Kind name.namespace`; `*` stands for anything."""

    code: str
    kind: str
    name: str

    def covers(self, each: Message) -> bool:
        """Whether a message is not wanted."""
        item = each.item
        named = f"{item.name}.{item.namespace}" if item.namespace else item.name
        return each.code == self.code and fnmatchcase(f"{item.kind} {named}", f"{self.kind} {self.name}".strip())


def parse_suppression(text: str) -> Suppression:
    """`IST0102=Namespace shop`, `IST0101=*`. Raises: ValueError."""
    code, equals, rest = text.partition("=")
    if not equals or code not in CODES or not rest.strip():
        raise ValueError(f"expected CODE=Kind name.namespace with a code like IST0101, got {text}")
    kind, _, name = rest.strip().partition(" ")
    return Suppression(code, kind, name)


def analyze(
    store: Store, names: Collection[str] = (), suppressed: Iterable[Suppression] = (), least: Level = Level.INFO
) -> list[Message]:
    """What there is to say, the worst first. `names`: of analyzers; none: those that run by default."""
    chosen = [ANALYZERS[each] for each in names] or [each for each in ANALYZERS.values() if each.by_default]
    unwanted = tuple(suppressed)
    found = [each for entry in chosen for each in _run(entry, store)]
    return [
        each
        for each in in_order(found)
        if each.level >= least and not _is_silenced(each) and not any(one.covers(each) for one in unwanted)
    ]


def _run(entry: Entry, store: Store) -> list[Message]:
    try:
        return list(entry.run(store))
    except Exception as error:  # a bug of ours: it must not cost the other analyses
        item = Item("Analyzer", "", "", entry.summary, {})
        return [message("IST0001", item, f"{entry.summary}: {type(error).__name__}: {error}")]


def _is_silenced(each: Message) -> bool:
    said = [one.strip() for one in each.item.annotations.get(_SUPPRESS, "").split(",")]
    return each.code in said or "*" in said
