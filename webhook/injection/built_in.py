"""The injector's configuration where an installation brings none: our own templates and usual values.

Comes in: the environment that templates may ask. Goes out: an `InjectorConfig`, and values.
Source: injection behaviour 2.6.
"""

from collections.abc import Mapping
from typing import Any, Final

from webhook.injection.configuration import InjectorConfig, parse_templates, parse_values
from webhook.injection.templates import gateways, pods

TEMPLATES: Final = {
    "sidecar": pods.SIDECAR,
    "gateway": pods.GATEWAY,
    "grpc-agent": pods.GRPC_AGENT,
    "grpc-simple": pods.GRPC_SIMPLE,
    "kube-gateway": gateways.KUBE_GATEWAY,
    "waypoint": gateways.WAYPOINT,
}
"""Text by name."""

_VALUES: Final = """
revision: ""
gateways: {securityContext: {}, seccompProfile: {}}
pilot: {cni: {enabled: false, provider: default}, env: {}}
sidecarInjectorWebhook: {rewriteAppHTTPProbe: true}
global:
  hub: docker.io/istio
  tag: "1.29.1"
  variant: ""
  caAddress: ""
  caName: ""
  imagePullPolicy: ""
  imagePullSecrets: []
  istioNamespace: istio-system
  logAsJson: false
  logging: {level: "default:info"}
  meshID: ""
  mountMtlsCerts: false
  multiCluster: {clusterName: ""}
  nativeNftables: false
  network: ""
  pilotCertProvider: istiod
  platform: ""
  sds: {token: {aud: istio-ca}}
  sts: {servicePort: 0}
  proxy_init: {image: proxyv2, forceApplyIptables: false}
  proxy:
    image: proxyv2
    clusterDomain: cluster.local
    logLevel: warning
    componentLogLevel: "misc:error"
    includeIPRanges: "*"
    excludeIPRanges: ""
    includeInboundPorts: "*"
    excludeInboundPorts: ""
    includeOutboundPorts: ""
    excludeOutboundPorts: ""
    outlierLogPath: ""
    privileged: false
    readinessInitialDelaySeconds: 0
    readinessPeriodSeconds: 15
    readinessFailureThreshold: 4
    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 2000m, memory: 1024Mi}}
    seccompProfile: {}
    startupProbe: {enabled: true, failureThreshold: 600}
    statusPort: 15020
  waypoint:
    affinity: {}
    nodeSelector: {}
    tolerations: []
    topologySpreadConstraints: []
    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: "2", memory: 1Gi}}
"""


def config(environment: Mapping[str, str] | None = None) -> InjectorConfig:
    """Policy enabled, template `sidecar` unless a pod asks otherwise."""
    return InjectorConfig(templates=parse_templates(TEMPLATES, environment))


def values() -> dict[str, Any]:
    """What templates read when nobody configures anything."""
    return parse_values(_VALUES)
