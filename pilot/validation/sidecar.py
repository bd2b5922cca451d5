"""Sidecar: what a sidecar opens and may reach.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (Sidecar).
"""

from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.gateway import ServerTLSMode
from pilot.model.protocol import parse_protocol
from pilot.model.sidecar import (
    CaptureMode,
    OutboundTrafficPolicyMode,
    Sidecar,
    SidecarEgressListener,
    SidecarIngressListener,
    SidecarPort,
)
from pilot.validation import forms
from pilot.validation.destination import destination
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable, unservable_if
from pilot.validation.gateway import UNIX, bind_fault, protocol_fault, scoped_host, tls_settings
from pilot.validation.syntax import host_fault, label_fault, port_fault
from pilot.validation.traffic_policy import connection_pool

_LOCAL: Final = ("127.0.0.1", "0.0.0.0", "[::1]", "[::]", "")
_NO_PORT: Final = SidecarPort()


def sidecar(checked: Sidecar) -> Findings:
    """Everything that is wrong with a Sidecar."""
    spec = checked.spec
    policy, pool = spec.outbound_traffic_policy, spec.inbound_connection_pool
    if not (spec.ingress or spec.egress or policy is not None or pool is not None):
        yield Finding(("spec",), "expected ingress, egress or another setting, got none")
    if spec.workload_selector is not None:
        yield from forms.selector(spec.workload_selector.labels, ("spec", "workloadSelector", "labels"))
    yield from _ingresses(spec.ingress)
    yield from _egresses(spec.egress, checked.namespace)
    if pool is not None:
        yield from connection_pool(pool, ("spec", "inboundConnectionPool"))
    if policy is not None and policy.egress_proxy is not None:
        path: Path = ("spec", "outboundTrafficPolicy", "egressProxy")
        if policy.mode is not OutboundTrafficPolicyMode.ALLOW_ANY:
            yield Finding(path, f"expected it with mode ALLOW_ANY only, got {policy.mode}")
        yield from destination(policy.egress_proxy, path)
        if policy.egress_proxy.port is None:
            yield Finding((*path, "port"), "expected a port, got nothing")


# --- what comes in --------------------------------------------------------------------------------------------------


def _ingresses(listeners: tuple[SidecarIngressListener, ...]) -> Findings:
    numbers: set[int] = set()
    for index, listener in enumerate(listeners):
        path: Path = ("spec", "ingress", index)
        yield from _ingress(listener, path)
        if listener.port.number in numbers:
            yield Finding((*path, "port", "number"), f"expected every port once, got {listener.port.number} again")
        numbers.add(listener.port.number)


def _ingress(listener: SidecarIngressListener, path: Path) -> Findings:
    port = listener.port
    if port == _NO_PORT:
        yield unservable((*path, "port"), "expected a port, got nothing")
    else:
        yield from unservable_if((*path, "port", "number"), port_fault(port.number))
    yield from _port(port, path)
    if listener.bind.startswith(UNIX):
        yield Finding((*path, "bind"), f"expected an IP address, got {describe(listener.bind)}")
    elif listener.bind:
        yield from refused_if((*path, "bind"), bind_fault(listener.bind))
    yield from refused_if((*path, "defaultEndpoint"), _endpoint_fault(listener.default_endpoint))
    if listener.connection_pool is not None:
        yield from connection_pool(listener.connection_pool, (*path, "connectionPool"))
        if listener.connection_pool.http is not None and not parse_protocol(port.protocol).is_http:
            words = f"HTTP connection pool settings are configured for a port of protocol {port.protocol}"
            yield note((*path, "connectionPool", "http"), words)
    if listener.tls is not None:
        yield from _tls(listener, path)


def _tls(listener: SidecarIngressListener, path: Path) -> Findings:
    tls, place = listener.tls, (*path, "tls")
    assert tls is not None
    if not parse_protocol(listener.port.protocol).is_tls:
        yield Finding(place, f"expected it with protocol HTTPS or TLS only, got {describe(listener.port.protocol)}")
    if tls.mode in (ServerTLSMode.ISTIO_MUTUAL, ServerTLSMode.AUTO_PASSTHROUGH):
        yield Finding((*place, "mode"), f"expected SIMPLE or MUTUAL, got {tls.mode}")
    else:
        yield from tls_settings(tls, place)
    given = {
        "subjectAltNames": tls.subject_alt_names,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
        "httpsRedirect": tls.https_redirect,
    }
    for name, value in given.items():
        if value:
            yield Finding((*place, name), "expected nothing at the ingress of a sidecar")


def _endpoint_fault(text: str) -> str | None:
    if not text:
        return None
    if text.startswith(UNIX):
        return bind_fault(text)
    host, colon, port = text.rpartition(":")
    if colon and host in _LOCAL and port.isascii() and port.isdecimal() and port_fault(int(port[:6])) is None:
        return None
    return f"expected 127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix:///path, got {describe(text)}"


# --- what goes out --------------------------------------------------------------------------------------------------


def _egresses(listeners: tuple[SidecarEgressListener, ...], namespace: str) -> Findings:
    numbers: set[int] = set()
    sockets: set[str] = set()
    for index, listener in enumerate(listeners):
        path: Path = ("spec", "egress", index)
        if listener.port is None and index != len(listeners) - 1:
            yield Finding((*path, "port"), "expected a port: only the last listener may be without")
        yield from _egress(listener, path)
        is_socket = listener.bind.startswith(UNIX)
        if is_socket and listener.bind in sockets:
            yield Finding((*path, "bind"), f"expected every socket once, got {describe(listener.bind)} again")
        if listener.port is not None and not is_socket:
            if listener.port.number in numbers:
                number = listener.port.number
                yield Finding((*path, "port", "number"), f"expected every port once, got {number} again")
            numbers.add(listener.port.number)
        sockets.update({listener.bind} if is_socket else ())
    yield from _host_sets(listeners, namespace)


def _egress(listener: SidecarEgressListener, path: Path) -> Findings:
    is_socket = listener.bind.startswith(UNIX)
    if listener.port is not None:
        yield from unservable_if((*path, "port", "number"), port_fault(listener.port.number, 0))
        if listener.port.number == 0 and not is_socket:
            yield Finding((*path, "port", "number"), "expected a port, or a socket in bind, got 0")
        if listener.port.number and is_socket:
            yield Finding((*path, "port", "number"), f"expected 0 with a socket in bind, got {listener.port.number}")
        yield from _port(listener.port, path)
    if listener.bind:
        yield from refused_if((*path, "bind"), bind_fault(listener.bind))
    if is_socket and listener.capture_mode is CaptureMode.IPTABLES:
        yield Finding((*path, "captureMode"), "expected DEFAULT or NONE with a socket in bind, got IPTABLES")
    if not listener.hosts:
        yield Finding((*path, "hosts"), "expected a host, got none")
    for position, host in enumerate(listener.hosts):
        namespace, slash, name = host.partition("/")
        if not slash or not namespace or host_fault(name):
            message = f'expected namespace/host, such as "./*" or "default/a.example.com", got "{host[:80]}"'
            yield unservable((*path, "hosts", position), message)
        else:
            yield from scoped_host(host, (*path, "hosts", position), is_gateway=False)


def _port(port: SidecarPort, path: Path) -> Findings:
    yield from refused_if((*path, "port", "name"), label_fault(port.name) if port.name else None)
    yield from refused_if((*path, "port", "protocol"), protocol_fault(port.protocol))
    if port.target_port:
        yield Finding((*path, "port", "targetPort"), "expected nothing: a listener has no other port behind it")


def _host_sets(listeners: tuple[SidecarEgressListener, ...], namespace: str) -> Findings:
    for index, listener in enumerate(listeners):
        path: Path = ("spec", "egress", index, "hosts")
        seen: dict[str, set[str]] = {}
        for position, host in enumerate(listener.hosts):
            scope, slash, name = host.partition("/")
            if not slash:
                continue
            known = seen.setdefault(namespace if scope == "." else scope, set())
            if known if name == "*" else known & {name, "*"}:
                yield note((*path, position), f"duplicated egress host: {host}")
            known.add(name)
        if "*" in seen.get("*", ()) and len(seen) > 1:
            yield note(path, "`*/*` host selects all resources, no other hosts can be added")
