"""Probes of applications go by way of the agent, which alone can reach them under mutual TLS.

Comes in: an injected pod. Goes out: the same pod with its probes and HTTP hooks pointing at the agent, and the
originals in the agent's environment. Source: injection behaviour 2.11.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

from webhook.injection import containers, normal_form
from webhook.injection.annotations import parse_truth

Json = dict[str, Any]

ENVIRONMENT: Final = "ISTIO_KUBE_APP_PROBERS"
_PROBES: Final = (("readinessProbe", "readyz"), ("livenessProbe", "livez"), ("startupProbe", "startupz"))
_HOOKS: Final = (("preStop", "prestopz"), ("postStart", "poststartz"))
_TYPES: Final = {"httpGet": "HTTPGetAction", "tcpSocket": "TCPSocketAction", "grpc": "GRPCAction"}


def wants_rewrite(annotations: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """Whether probes of a pod are rewritten: its annotation says, or the installation's values."""
    wish = annotations.get("sidecar.istio.io/rewriteAppHTTPProbers")
    if wish is not None:
        with contextlib.suppress(ValueError):
            return parse_truth(wish)
    return bool((values.get("sidecarInjectorWebhook") or {}).get("rewriteAppHTTPProbe"))


def rewrite(pod: Json, default_port: int, *, injected_before: bool) -> None:
    """Changes the pod's containers; `default_port` is the agent's by the proxy's configuration."""
    proxy = containers.find_proxy(pod)
    if proxy is None:
        return
    probers = _probers(pod, default_port)
    if probers:
        _put_environment(proxy, probers, merge=injected_before)
    annotations = pod["metadata"].get("annotations") or {}
    port = annotations.get("status.sidecar.istio.io/port", "")
    status_port = int(port) if port.isascii() and port.isdecimal() else default_port
    for container in containers.applications(pod):
        _redirect(container, status_port)


def _handlers(container: Json) -> list[tuple[str, Json]]:
    """Path at the agent, and probe or hook."""
    name = container.get("name", "")
    lifecycle = container.get("lifecycle") or {}
    found = [(f"/app-health/{name}/{path}", container.get(key)) for key, path in _PROBES]
    found += [(f"/app-lifecycle/{name}/{path}", lifecycle.get(key)) for key, path in _HOOKS]
    return [(path, handler) for path, handler in found if handler]


def _probers(pod: Json, status_port: int) -> Json:
    found = {}
    for container in containers.applications(pod):
        ports = {port["name"]: port.get("containerPort") for port in container.get("ports") or [] if port.get("name")}
        for path, handler in _handlers(container):
            prober = _prober(handler, ports, status_port, hook=path.startswith("/app-lifecycle/"))
            if prober is not None:
                found[path] = prober
    return found


def _prober(handler: Json, ports: Json, status_port: int, *, hook: bool) -> Json | None:
    """What the agent has to do in its place; None if it cannot."""
    kind = next((each for each in _TYPES if handler.get(each)), None)
    if kind is None or (hook and kind == "grpc"):
        return None
    action = dict(handler[kind])
    port = action.get("port")
    if kind != "grpc":
        port = ports.get(port) if isinstance(port, str) else port
        if port is None or port == status_port:
            return None
    action["port"] = port
    prober = {kind: normal_form.normalize(action, _TYPES[kind])}
    if handler.get("timeoutSeconds"):
        prober["timeoutSeconds"] = handler["timeoutSeconds"]
    return prober


def _put_environment(proxy: Json, probers: Json, *, merge: bool) -> None:
    variables = proxy.setdefault("env", [])
    there = next((each for each in variables if each.get("name") == ENVIRONMENT), None) if merge else None
    if there is not None:
        with contextlib.suppress(ValueError, TypeError):
            probers = {**probers, **json.loads(there.get("value") or "{}")}
        there["value"] = _dump(probers)
        return
    proxy["env"] = [each for each in variables if each.get("name") != ENVIRONMENT]
    proxy["env"].append({"name": ENVIRONMENT, "value": _dump(probers)})


def _dump(probers: Json) -> str:
    return json.dumps(dict(sorted(probers.items())), separators=(",", ":"), ensure_ascii=False)


def _redirect(container: Json, status_port: int) -> None:
    for path, handler in _handlers(container):
        kind = next((each for each in _TYPES if handler.get(each)), None)
        if kind is None or (kind == "grpc" and path.startswith("/app-lifecycle/")):
            continue
        action = dict(handler.pop(kind)) if kind == "httpGet" else {}
        handler.pop(kind, None)
        action |= {"path": path, "port": status_port}
        if action.get("scheme") == "HTTPS":
            action["scheme"] = "HTTP"
        handler["httpGet"] = action
