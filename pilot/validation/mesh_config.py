"""MeshConfig: settings that Envoy would refuse everywhere, or that mean nothing.

In: a decoded MeshConfig. Out: findings. Names, ports and trust domains are looked at where files are read.
Source: CA behaviour 5.4 (last paragraph).
"""

from datetime import timedelta
from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.mesh import MeshConfig
from pilot.model.proxy_config import ProxyConfig
from pilot.validation import forms, locality
from pilot.validation.finding import Finding, Findings, refused_if
from pilot.validation.syntax import address_family, domain_fault, port_fault

_LONGEST_CONNECT: Final = timedelta(hours=1)
_MILLISECOND, _SECOND, _NONE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta()
_HOST_IP: Final = "$(HOST_IP)"


def mesh_config(checked: MeshConfig) -> Findings:
    """Everything that is wrong with a MeshConfig."""
    yield from forms.duration(checked.connect_timeout, ("connectTimeout",))
    if checked.connect_timeout > _LONGEST_CONNECT:
        yield Finding(("connectTimeout",), f"expected 1h at most, got {checked.connect_timeout}")
    if checked.protocol_detection_timeout % _MILLISECOND != _NONE:
        got = checked.protocol_detection_timeout
        yield Finding(("protocolDetectionTimeout",), f"expected a duration of whole milliseconds, got {got}")
    yield from _proxies(checked.default_config, ("defaultConfig",))
    yield from locality.preference(checked.locality_lb_setting, ("localityLbSetting",), has_outlier_detection=True)
    for index, settings in enumerate(checked.service_settings):
        for position, host in enumerate(settings.hosts):
            yield from refused_if(("serviceSettings", index, "hosts", position), domain_fault(host, wildcard=True))
    if checked.mesh_mtls is not None and checked.mesh_mtls.ecdh_curves:
        yield Finding(("meshMTLS", "ecdhCurves"), "expected nothing: within the mesh Envoy chooses")


def _proxies(config: ProxyConfig, path: Path) -> Findings:
    drain = config.drain_duration
    if drain < _SECOND or drain % _SECOND != _NONE:
        yield Finding((*path, "drainDuration"), f"expected a duration of whole seconds, got {drain}")
    yield from refused_if((*path, "proxyAdminPort"), port_fault(config.proxy_admin_port))
    yield from refused_if((*path, "statusPort"), port_fault(config.status_port))
    yield from refused_if((*path, "discoveryAddress"), _address_fault(config.discovery_address))
    tracing = config.tracing
    for name, found in (
        ("zipkin", tracing.zipkin if tracing is not None else None),
        ("lightstep", tracing.lightstep if tracing is not None else None),
        ("datadog", tracing.datadog if tracing is not None else None),
    ):
        if found is not None:
            yield from refused_if((*path, "tracing", name, "address"), _address_fault(found.address))
    for name, address in (
        ("statsdUdpAddress", config.statsd_udp_address),
        ("envoyMetricsService", config.envoy_metrics_service.address if config.envoy_metrics_service else ""),
        ("envoyAccessLogService", config.envoy_access_log_service.address if config.envoy_access_log_service else ""),
    ):
        if address:
            yield from refused_if((*path, name), _address_fault(address))


def _address_fault(text: str) -> str | None:
    """A host, or an IP address (version 6 in brackets), and a port; `$(HOST_IP)` stands for one."""
    host, _, port = text.replace(_HOST_IP, "127.0.0.1").rpartition(":")
    is_port = port.isascii() and port.isdigit() and port_fault(int(port[:9])) is None
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if is_port and (address_family(bare) or domain_fault(bare) is None):
        return None
    return f"expected a host and a port, such as istiod.istio-system.svc:15012, got {describe(text)}"
