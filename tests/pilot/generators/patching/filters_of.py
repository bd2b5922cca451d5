"""EnvoyFilters in YAML, and what becomes of a small mesh with them: for tests of patches."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from pilot.generators import clusters, listeners, routes
from pilot.generators.patching import sets
from pilot.generators.patching.messages import parse_message
from pilot.generators.patching.plan import Plan, plan_of
from pilot.model import envoy_filters
from pilot.model.envoy_filters import Patch
from pilot.view.proxy import Flavour
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.pilot.generators import worlds
from tests.pilot.model.meshes import only

LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
LIMIT = "type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
MESH = f"""
{worlds.REVIEWS}
---
{worlds.DATABASE}
---
apiVersion: v1
kind: Service
metadata: {{name: client, namespace: default}}
spec: {{clusterIP: 10.0.0.9, selector: {{app: client}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: client-0, namespace: default, labels: {{app: client}}}}
spec: {{}}
status: {{phase: Running, podIP: 10.9.0.1, podIPs: [{{ip: 10.9.0.1}}], conditions: [{{type: Ready, status: "True"}}]}}
"""


def lua(name: str) -> dict[str, Any]:
    """An HTTP filter."""
    return {"name": name, "typed_config": {"@type": LUA, "default_source_code": {"inline_string": "-- nothing"}}}


def patch(apply_to: str, operation: str, value: Mapping[str, Any] | None = None, **match: Any) -> dict[str, Any]:
    """One entry of configPatches."""
    spec: dict[str, Any] = {"operation": operation}
    if value is not None:
        spec["value"] = dict(value)
    return {"applyTo": apply_to, "match": match, "patch": spec}


def message_from(kind: Any, value: Mapping[str, Any]) -> Any:
    """The Envoy message of some JSON."""
    made, fault = parse_message(kind, value)
    assert made is not None, fault
    return made


def envoy_filter(*patches: Mapping[str, Any], name: str = "patches", **spec: Any) -> str:
    """An EnvoyFilter of the root namespace in YAML; `namespace` is taken out of `spec`."""
    namespace = spec.pop("namespace", "istio-system")
    created = spec.pop("created", "")
    metadata = {"name": name, "namespace": namespace, **({"creationTimestamp": created} if created else {})}
    return yaml.safe_dump(
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": metadata,
            "spec": {"configPatches": json.loads(json.dumps(list(patches))), **spec},
        }
    )


def checked(*patches: Mapping[str, Any]) -> envoy_filters.CheckedFilter:
    """An EnvoyFilter, checked."""
    return envoy_filters.check(only(envoy_filter(*patches)))


def plan(*patches: Mapping[str, Any], flavour: Flavour | None = None) -> Plan:
    """The plan of some patches."""
    made: tuple[Patch, ...] = checked(*patches).patches
    return plan_of(made, flavour or Flavour())


def view(*filters: str, proxy: Mapping[str, Any] | None = None, mesh: str = MESH) -> ProxyView:
    """What a sidecar `client` sees of the mesh with these EnvoyFilters."""
    return worlds.view("\n---\n".join((mesh, *filters)), proxy)


def listeners_of(seen: ProxyView) -> dict[str, Any]:
    """All listeners by name."""
    return recordings.as_json(sets.listeners(listeners.build(seen), seen))


def clusters_of(seen: ProxyView) -> dict[str, Any]:
    """All clusters by name."""
    return recordings.as_json(sets.clusters(clusters.build(seen), seen))


def routes_of(seen: ProxyView, *names: str) -> dict[str, Any]:
    """Route configurations by name."""
    return recordings.as_json(sets.routes(routes.build(seen, frozenset(names)), seen))


def http_filters(chain: Mapping[str, Any]) -> list[str]:
    """The names of the HTTP filters of a chain."""
    return [each["name"] for each in worlds.config_of(chain, worlds.HCM)["httpFilters"]]
