"""The mesh configuration as injection sees it, and the proxy configuration of one pod.

Comes in: YAML; a pod's annotations and labels; ProxyConfig resources. Goes out: `Mesh`, and proxy configurations:
canonical data by their own (camel case) names. Does not merge sources of mesh configuration: that is done before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from webhook.injection import selectors, yaml_text
from webhook.injection.errors import ConfigurationError
from webhook.injection.messages import as_written, decode

Json = dict[str, Any]

DEFAULT_PROXY_CONFIG: Final[Mapping[str, Any]] = decode(
    {
        "configPath": "./etc/istio/proxy",
        "binaryPath": "/usr/local/bin/envoy",
        "serviceCluster": "istio-proxy",
        "drainDuration": "45s",
        "terminationDrainDuration": "5s",
        "discoveryAddress": "istiod.istio-system.svc:15012",
        "proxyAdminPort": 15000,
        "statusPort": 15020,
        "controlPlaneAuthPolicy": "MUTUAL_TLS",
        "statNameLength": 189,
    },
    "ProxyConfig",
)
"""What a proxy is configured with where nobody says anything. Source: operations 14."""

_DEFAULT_MESH: Final[Mapping[str, Any]] = {
    "proxyListenPort": 15001,
    "proxyInboundListenPort": 15006,
    "ingressClass": "istio",
    "ingressService": "istio-ingressgateway",
    "trustDomain": "cluster.local",
    "rootNamespace": "istio-system",
    "enablePrometheusMerge": True,
    "enableTracing": True,
    "connectTimeout": "10s",
    "enableAutoMtls": True,
}


@dataclass(frozen=True, slots=True)
class Mesh:
    """`settings`: the mesh configuration with defaults filled in; its `defaultConfig` is the proxies' default."""

    settings: Mapping[str, Any] = field(
        default_factory=lambda: {**_DEFAULT_MESH, "defaultConfig": dict(DEFAULT_PROXY_CONFIG)}
    )

    @property
    def proxy_config(self) -> Mapping[str, Any]:
        """The default of all proxies."""
        found: Mapping[str, Any] = self.settings["defaultConfig"]
        return found


def parse_mesh(text: str) -> Mesh:
    """MeshConfig as YAML; unknown fields are ignored. Raises: ConfigurationError."""
    try:
        decoded = decode(yaml_text.load(text), "MeshConfig")
    except ValueError as error:
        raise ConfigurationError(f"mesh configuration: {error}") from error
    proxy_config = merge_proxy_config(DEFAULT_PROXY_CONFIG, decoded.get("defaultConfig", {}))
    return Mesh({**_DEFAULT_MESH, **decoded, "defaultConfig": proxy_config})


def merge_proxy_config(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> Json:
    """Fields of `overlay` win as a whole; `proxyMetadata` and `proxyHeaders` are merged key by key."""
    merged = {**base, **overlay}
    for key in ("proxyMetadata", "proxyHeaders"):
        if key in base and key in overlay:
            merged[key] = {**base[key], **overlay[key]}
    return merged


def parse_proxy_config(text: str) -> Json:
    """The annotation `proxy.istio.io/config`, YAML. Raises: ValueError."""
    decoded = decode(yaml_text.load(text), "ProxyConfig")
    for name in ("statusPort", "proxyAdminPort"):
        if not 0 <= decoded.get(name, 0) <= 65535:
            raise ValueError(f"{name}: expected a port, got {decoded[name]}")
    if decoded.get("concurrency", 0) < 0:
        raise ValueError(f"concurrency: expected a number from 0, got {decoded['concurrency']}")
    return decoded


def effective_proxy_config(
    mesh: Mesh, namespace: str, metadata: Mapping[str, Any], resources: tuple[Mapping[str, Any], ...]
) -> Json:
    """What holds for one pod: mesh, mesh-wide resource, namespace's resource, annotation, resource that selects it.

    Raises: ValueError if the annotation is malformed. Source: injection behaviour 2.4; xDS behaviour 7.4.
    """
    root = mesh.settings.get("rootNamespace", "")
    config = dict(mesh.proxy_config)
    for place in dict.fromkeys((root, namespace)):
        config = merge_proxy_config(config, _of_resource(_oldest(resources, place, None)))
    annotation = (metadata.get("annotations") or {}).get("proxy.istio.io/config")
    if annotation is not None:
        config = merge_proxy_config(config, parse_proxy_config(annotation))
    selecting = _oldest(resources, namespace, metadata.get("labels") or {}) if resources else {}
    return merge_proxy_config(config, _of_resource(selecting))


def _oldest(
    resources: tuple[Mapping[str, Any], ...], namespace: str, labels: Mapping[str, str] | None
) -> Mapping[str, Any]:
    """The ProxyConfig of a namespace: the one without selector, or with `labels` the one that selects them."""
    found = []
    for resource in resources:
        metadata, wanted = resource.get("metadata") or {}, (resource.get("spec") or {}).get("selector") or {}
        match_labels = wanted.get("matchLabels") or {}
        if metadata.get("namespace", "") != namespace or bool(match_labels) == (labels is None):
            continue
        if labels is None or selectors.matches({"matchLabels": match_labels}, labels):
            found.append((str(metadata.get("creationTimestamp") or ""), str(metadata.get("name", "")), resource))
    return min(found, key=lambda each: each[:2])[2] if found else {}


def _of_resource(resource: Mapping[str, Any]) -> Json:
    spec = resource.get("spec") or {}
    data = {
        "concurrency": spec.get("concurrency"),
        "proxyMetadata": spec.get("environmentVariables"),
        "image": spec.get("image"),
    }
    return decode(data, "ProxyConfig")


def without_defaults(config: Mapping[str, Any]) -> Json:
    """A proxy configuration as proxies are told it: only what differs from the default."""
    differing = {key: value for key, value in config.items() if DEFAULT_PROXY_CONFIG.get(key) != value}
    return as_written(differing, "ProxyConfig")
