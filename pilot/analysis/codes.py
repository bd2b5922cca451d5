"""Every code that an analysis may report: its name, its level, what it is about.

The codes, names and levels are those that people know from istioctl 1.29; the words are ours. Source: operations 18.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """How bad it is; a greater one is worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of message."""

    code: str
    name: str
    level: Level
    summary: str
    template: str = "{}"
    """Of the message, with places for its arguments."""


_E, _W, _I = Level.ERROR, Level.WARNING, Level.INFO
_ELSEWHERE: Final = "only checked before an upgrade"

_ALL = (
    Code("IST0001", "InternalError", _E, "an analysis failed", "the analysis itself failed: {}"),
    Code("IST0002", "Deprecated", _W, "a field or a kind that will go away", "{} is deprecated: {}"),
    Code("IST0101", "ReferencedResourceNotFound", _E, "something that is referred to is not there",
         'the {} that this refers to does not exist: "{}"'),
    Code("IST0102", "NamespaceNotInjected", _I, "a namespace that says nothing of injection",
         "namespace {0} gets no proxies: label it istio-injection=enabled, or istio-injection=disabled to say that"
         " this is meant"),
    Code("IST0103", "PodMissingProxy", _W, "a pod without proxy in a namespace with injection",
         "pod {} has no proxy although its namespace asks for one: restart or deploy it anew"),
    Code("IST0106", "SchemaValidationError", _E, "the object is invalid", "invalid: {}"),
    Code("IST0107", "MisplacedAnnotation", _W, "an annotation that means nothing on this kind",
         "annotation {} does nothing here, it is for {}"),
    Code("IST0108", "UnknownAnnotation", _W, "an annotation that nobody reads", "annotation {} is unknown"),
    Code("IST0109", "ConflictingMeshGatewayVirtualServiceHosts", _E, "two rules for one host in the mesh",
         "{} all route host {} inside the mesh: which one counts is not defined, make one of them"),
    Code("IST0110", "ConflictingSidecarWorkloadSelectors", _E, "two Sidecars for one pod",
         "Sidecars {} of namespace {} select the same pod {}"),
    Code("IST0111", "MultipleSidecarsWithoutWorkloadSelectors", _E, "two Sidecars for a namespace",
         "Sidecars {} of namespace {} have no workload selector: there may be one of those"),
    Code("IST0112", "VirtualServiceDestinationPortSelectorRequired", _E, "a destination without a port",
         'service "{}" has ports {}: the destination must say which'),
    Code("IST0116", "DeploymentAssociatedToMultipleServices", _W, "services disagree on a port's protocol",
         "the services of deployment {} use port {} with different protocols: {}"),
    Code("IST0118", "PortNameIsNotUnderNamingConvention", _I, "a port whose protocol nobody can tell",
         'port name "{}" (port {}, targetPort {}) says no protocol: begin it with one, like http-'),
    Code("IST0123", "NamespaceMultipleInjectionLabels", _W, "contradicting labels of injection",
         "more than one label says how workloads join the mesh: {}: keep one"),
    Code("IST0125", "InvalidAnnotation", _W, "an annotation with a value that cannot be", "annotation {}: {}"),
    Code("IST0126", "UnknownMeshNetworksServiceRegistry", _E, "a network of a cluster that is unknown",
         'network {1} takes its endpoints from cluster "{0}", for which there is no remote secret'),
    Code("IST0127", "NoMatchingWorkloadsFound", _W, "a policy for nobody",
         "no workload of the mesh is selected by: {}"),
    Code("IST0128", "NoServerCertificateVerificationDestinationLevel", _W, "TLS without checking the server",
         "{} in namespace {} uses TLS mode {} to {} without caCertificates: the server's identity is not checked"),
    Code("IST0129", "NoServerCertificateVerificationPortLevel", _W, "TLS without checking the server, for one port",
         "{} in namespace {} uses TLS mode {} to {}:{} without caCertificates: the server's identity is not checked"),
    Code("IST0130", "VirtualServiceUnreachableRule", _W, "a rule that is never used", "{}"),
    Code("IST0131", "VirtualServiceIneffectiveMatch", _I, "a condition that is never used", "{}"),
    Code("IST0132", "VirtualServiceHostNotFoundInGateway", _W, "no host of the gateway is routed",
         "none of the hosts {} is a host of Gateway {}"),
    Code("IST0133", "SchemaWarning", _W, "the object is dubious", "{}"),
    Code("IST0134", "ServiceEntryAddressesRequired", _W, "TCP needs addresses",
         "port {} is plain TCP: without addresses its traffic cannot be told from other traffic"),
    Code("IST0135", "DeprecatedAnnotation", _I, "an annotation that will go away",
         "annotation {} is deprecated{}"),
    Code("IST0136", "AlphaAnnotation", _I, "an annotation that may change", "annotation {} is not stable yet"),
    Code("IST0137", "DeploymentConflictingPorts", _W, "two ports for one target port",
         "the services {1} of deployment {0} reach target port {2} by different ports: {3}"),
    Code("IST0138", "GatewayDuplicateCertificate", _W, "one certificate for several Gateways",
         "Gateways {} share a certificate: browsers that reuse HTTP/2 connections may get 404"),
    Code("IST0139", "InvalidWebhook", _E, "an injector that cannot work", "{}"),
    Code("IST0140", "IngressRouteRulesNotAffected", _W, "a gateway that does not follow subset rules",
         "rules of VirtualService {} choose subsets of {}, but requests through this one's gateways do not see them"),
    Code("IST0141", "InsufficientPermissions", _E, _ELSEWHERE),
    Code("IST0142", "UnsupportedKubernetesVersion", _E, _ELSEWHERE),
    Code("IST0143", "LocalhostListener", _E, "a port of a service listens on localhost only; " + _ELSEWHERE),
    Code("IST0144", "InvalidApplicationUID", _W, "a user number that is the proxy's",
         "user 1337 is the proxy's own: an application that runs as it escapes the mesh"),
    Code("IST0145", "ConflictingGateways", _E, "two Gateways for the same requests",
         "conflicts with {} (selector {}, port {}, hosts {})"),
    Code("IST0146", "ImageAutoWithoutInjectionWarning", _W, "image: auto that nobody replaces",
         "{} {} has `image: auto`, and no injector's selectors match its pods"),
    Code("IST0147", "ImageAutoWithoutInjectionError", _E, "a pod that kept image: auto",
         "{} {} still has `image: auto`: no injector has made its proxy"),
    Code("IST0148", "NamespaceInjectionEnabledByDefault", _I, "injection because of a default",
         "has no label, and the injector is set to inject by default"),
    Code("IST0149", "JwtClaimBasedRoutingWithoutRequestAuthN", _E, "claims that nobody checks",
         "routes by claim {}, but no RequestAuthentication is for pod {} of gateway {}"),
    Code("IST0150", "ExternalNameServiceTypeInvalidPortName", _W, "a port of an external name without protocol",
         "port {} of an ExternalName service should be named by a protocol other than tcp"),
    Code("IST0151", "EnvoyFilterUsesRelativeOperation", _W, "the order of filters is by chance",
         "{} on {} depends on what other filters did before: give this EnvoyFilter a priority"),
    Code("IST0152", "EnvoyFilterUsesReplaceOperationIncorrectly", _E, "REPLACE where it does nothing",
         "REPLACE works for HTTP_FILTER and NETWORK_FILTER, not for {}"),
    Code("IST0153", "EnvoyFilterUsesAddOperationIncorrectly", _E, "ADD where it does nothing",
         "ADD does nothing for {}"),
    Code("IST0154", "EnvoyFilterUsesRemoveOperationIncorrectly", _E, "REMOVE where it does nothing",
         "REMOVE does nothing for {}"),
    Code("IST0155", "EnvoyFilterUsesRelativeOperationWithProxyVersion", _W, "the order of filters, and versions",
         "{} on {} follows a patch of the same name for some proxy versions: give this EnvoyFilter a priority"),
    Code("IST0156", "UnsupportedGatewayAPIVersion", _E, _ELSEWHERE),
    Code("IST0157", "InvalidTelemetryProvider", _W, "access logs that go nowhere",
         "Telemetry {} in namespace {} names no provider and the mesh has no default one: it does nothing"),
    Code("IST0158", "PodsIstioProxyImageMismatchInNamespace", _W, "proxies of another version",
         "pods {} run another proxy image than the injector would give them ({}): deploy them anew"),
    Code("IST0159", "ConflictingTelemetryWorkloadSelectors", _E, "two Telemetries for one pod",
         "Telemetries {} of namespace {} select the same pod {}"),
    Code("IST0160", "MultipleTelemetriesWithoutWorkloadSelectors", _E, "two Telemetries for a namespace",
         "Telemetries {} of namespace {} have no selector: there may be one of those"),
    Code("IST0161", "InvalidGatewayCredential", _E, "a secret that is no certificate",
         "secret {} in namespace {} holds no certificate and key that can be used"),
    Code("IST0162", "GatewayPortNotDefinedOnService", _W, "a port that no service opens",
         "port {} is on no service of the gateway's pods ({})"),
    Code("IST0163", "InvalidExternalControlPlaneConfig", _W, "the URL of a webhook is wrong",
         'webhook {1}: URL "{0}": {2}'),
    Code("IST0164", "ExternalControlPlaneAddressIsNotAHostname", _I, "the URL of a webhook has an IP address",
         "webhook {1}: URL {0} has an IP address: certificates and moves want a host name"),
    Code("IST0165", "ReferencedInternalGateway", _W, "a Gateway that others make and unmake",
         "Gateway {} is made from a Gateway of the Gateway API: attach a route to that"),
    Code("IST0166", "IneffectiveSelector", _W, "a selector on pods of a Kubernetes Gateway",
         "its selector hits pods of Kubernetes Gateway {}, where it does nothing: use targetRefs"),
    Code("IST0167", "IneffectivePolicy", _W, "an object that does nothing in ambient mode", "it does nothing: {}"),
    Code("IST0168", "UnknownUpgradeCompatibility", _W, _ELSEWHERE),
    Code("IST0169", "UpdateIncompatibility", _W, _ELSEWHERE),
    Code("IST0170", "MultiClusterInconsistentService", _W, "one service, different in clusters",
         "service {} of namespace {} differs over clusters {}: {}"),
    Code("IST0171", "NegativeConditionStatus", _W, "a controller says no",
         "condition {} is negative: {}: {}"),
    Code("IST0172", "FutureUnsupportedGatewayAPIVersion", _W, _ELSEWHERE),
    Code("IST0173", "DestinationRuleSubsetNotSelectPods", _E, "a subset of nobody",
         "no pod has the labels of subset {}: requests to it get 503"),
    Code("IST0174", "UnknownDestinationRuleHost", _W, "a rule for an unknown host",
         "no service of the mesh has host {}"),
)  # fmt: skip

CODES: Final[Mapping[str, Code]] = {each.code: each for each in _ALL}
