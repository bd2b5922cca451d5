"""Annotations of Istio on Namespaces, Services, Pods and Deployments.

In: a store. Out: messages. What an annotation may be on, and how settled it is, is in Istio's public
reference of resource annotations. Source: operations 18 (IST0107, 0108, 0125, 0135, 0136).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import INJECT, Store
from webhook.injection.annotations import check_annotations
from webhook.injection.errors import InvalidAnnotationsError

_ANY: Final = frozenset(("any",))
_CHECKED: Final = ("Namespace", "Service", "Pod", "Deployment")
_NOT_JUDGED: Final = "proxy.istio.io/config"
"""Its value is judged where it is used: by injection."""


@dataclass(frozen=True, slots=True)
class Known:
    """One annotation."""

    kinds: frozenset[str]
    deprecated: bool = False
    instead: str = ""
    alpha: bool = False


def _rows(kinds: str, names: str, *, deprecated: bool = False, alpha: bool = False) -> dict[str, Known]:
    return {name: Known(frozenset(kinds.split()), deprecated, "", alpha) for name in names.split()}


_ALPHA_OF_PODS: Final = """
inject.istio.io/templates proxy.istio.io/overrides sidecar.istio.io/agentLogLevel sidecar.istio.io/bootstrapOverride
sidecar.istio.io/capNetBindService sidecar.istio.io/componentLogLevel sidecar.istio.io/extraStatTags
sidecar.istio.io/interceptionMode sidecar.istio.io/logLevel sidecar.istio.io/nativeSidecar
sidecar.istio.io/proxyCPU sidecar.istio.io/proxyCPULimit sidecar.istio.io/proxyImage sidecar.istio.io/proxyImageType
sidecar.istio.io/proxyMemory sidecar.istio.io/proxyMemoryLimit sidecar.istio.io/rewriteAppHTTPProbers
sidecar.istio.io/statsCompression sidecar.istio.io/statsEvictionInterval sidecar.istio.io/statsFlushInterval
sidecar.istio.io/statsHistogramBins sidecar.istio.io/statsHistogramBuckets
sidecar.istio.io/status sidecar.istio.io/userVolume sidecar.istio.io/userVolumeMount status.sidecar.istio.io/port
prometheus.istio.io/merge-metrics traffic.sidecar.istio.io/excludeInboundPorts
traffic.sidecar.istio.io/excludeInterfaces traffic.sidecar.istio.io/excludeOutboundIPRanges
traffic.sidecar.istio.io/excludeOutboundPorts traffic.sidecar.istio.io/includeInboundPorts
traffic.sidecar.istio.io/includeOutboundIPRanges traffic.sidecar.istio.io/includeOutboundPorts
traffic.sidecar.istio.io/kubevirtInterfaces istio.io/reroute-virtual-interfaces
readiness.status.sidecar.istio.io/applicationPorts readiness.status.sidecar.istio.io/failureThreshold
readiness.status.sidecar.istio.io/initialDelaySeconds readiness.status.sidecar.istio.io/periodSeconds
ambient.istio.io/bypass-inbound-capture ambient.istio.io/redirection ambient.istio.io/dns-capture
"""

KNOWN: Final[Mapping[str, Known]] = {
    **_rows("Pod", _ALPHA_OF_PODS, alpha=True),
    **_rows("Pod", "proxy.istio.io/config"),
    **_rows(
        "Pod",
        "sidecar.istio.io/discoveryAddress sidecar.istio.io/controlPlaneAuthPolicy"
        " sidecar.istio.io/statsInclusionPrefixes sidecar.istio.io/statsInclusionSuffixes"
        " sidecar.istio.io/statsInclusionRegexps",
        deprecated=True,
    ),
    INJECT: Known(frozenset(("Pod",)), True, f"label {INJECT}"),
    "kubernetes.io/ingress.class": Known(frozenset(("Ingress",))),
    **_rows("Service", "alpha.istio.io/canonical-serviceaccounts alpha.istio.io/kubernetes-serviceaccounts"
            " networking.istio.io/exportTo traffic.istio.io/nodeSelector networking.istio.io/address-type", alpha=True),
    **_rows("Service ServiceEntry Namespace", "networking.istio.io/traffic-distribution", alpha=True),
    **_rows("Namespace", "topology.istio.io/controlPlaneClusters", alpha=True),
    **_rows("WorkloadEntry", "istio.io/autoRegistrationGroup istio.io/connectedAt istio.io/workloadController"
            " istio.io/disconnectedAt proxy.istio.io/health-checks-enabled", alpha=True),
    **_rows("AuthorizationPolicy", "istio.io/dry-run", alpha=True),
    **_rows("Gateway", "gateway.istio.io/controller-version gateway.istio.io/name-override"
            " gateway.istio.io/service-account gateway.istio.io/tls-cipher-suites"
            " gateway.istio.io/tls-terminate-mode networking.istio.io/service-type", alpha=True),
    **_rows("GatewayClass Gateway", "ambient.istio.io/waypoint-inbound-binding", alpha=True),
    **_rows("any", "galley.istio.io/analyze-suppress istio.io/rev"),
}  # fmt: skip
"""By name."""


def placement(store: Store) -> Iterator[Message]:
    """Annotations that nobody reads, here or anywhere."""
    for each, name in _annotations(store):
        known = KNOWN.get(name)
        if known is None:
            if not name.startswith("internal.istio.io/"):
                yield message("IST0108", each, name, path=_path(name))
        elif not _fits(known, each):
            yield message("IST0107", each, name, ", ".join(sorted(known.kinds)), path=_path(name))


def values(store: Store) -> Iterator[Message]:
    """Values that injection would refuse."""
    for each, name in _annotations(store):
        known = KNOWN.get(name)
        if known is None or not _fits(known, each) or name == _NOT_JUDGED:
            continue
        try:
            check_annotations({name: each.annotations[name]})
        except InvalidAnnotationsError as error:
            reason = str(error).partition(f"annotation '{name}': ")[2].strip()
            yield message("IST0125", each, name, reason, path=_path(name))


def deprecated(store: Store) -> Iterator[Message]:
    """Annotations that will go away."""
    for each, name in _annotations(store):
        known = KNOWN.get(name)
        if known is not None and known.deprecated and not (name == INJECT and INJECT in each.labels):
            instead = f": use {known.instead}" if known.instead else ""
            yield message("IST0135", each, name, instead, path=_path(name))


def alpha(store: Store) -> Iterator[Message]:
    """Annotations that may change."""
    for each, name in _annotations(store):
        known = KNOWN.get(name)
        if known is not None and known.alpha:
            yield message("IST0136", each, name, path=_path(name))


def _annotations(store: Store) -> Iterator[tuple[Item, str]]:
    for kind in _CHECKED:
        for each in store.of(kind):
            for name in sorted(each.annotations):
                domain = name.partition("/")[0]
                if domain.endswith("istio.io") or name == "kubernetes.io/ingress.class":
                    yield each, name


def _fits(known: Known, item: Item) -> bool:
    return known.kinds == _ANY or item.kind in known.kinds


def _path(name: str) -> tuple[str, ...]:
    return ("metadata", "annotations", name)
