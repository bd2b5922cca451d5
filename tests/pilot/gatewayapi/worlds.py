"""Small meshes with Gateways of the Gateway API."""

from typing import Any

from pilot.model.snapshot import Snapshot
from pilot.model.virtual_service import VirtualService
from tests.pilot.model.meshes import mesh_of


def gateway(listeners: str, spec: str = "", metadata: str = "") -> str:
    """A Gateway `main` of namespace gws; `listeners` is a YAML list."""
    more = f", {metadata}" if metadata else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: main, namespace: gws{more}}}
spec: {{gatewayClassName: istio, {spec + ", " if spec else ""}listeners: {listeners}}}
"""


OPEN = "allowedRoutes: {namespaces: {from: All}}"
HTTP = gateway(f"[{{name: http, port: 80, protocol: HTTP, {OPEN}}}]")


def route(kind: str, spec: str, name: str = "r", namespace: str = "app", created: str = "") -> str:
    """A route; its parent is the Gateway `main` unless `spec` names parents."""
    parents = "" if "parentRefs" in spec else "parentRefs: [{name: main, namespace: gws}], "
    metadata = f"name: {name}, namespace: {namespace}" + (f', creationTimestamp: "{created}"' if created else "")
    return f"\n---\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{parents}{spec}}}\n"


def service(name: str, port: int, namespace: str = "app") -> str:
    """A Service with one port."""
    metadata = f"name: {name}, namespace: {namespace}"
    return f"\n---\nkind: Service\nmetadata: {{{metadata}}}\nspec: {{ports: [{{port: {port}}}]}}\n"


def world(*documents: str, **features: Any) -> Snapshot:
    """A mesh with all of the Gateway API."""
    return mesh_of("".join(documents), **{"alpha_gateway_api": True, **features})


def virtual_services(snapshot: Snapshot) -> dict[str, VirtualService]:
    """The converted ones, by name."""
    found = snapshot.conversions.gateway_api.values()
    return {each.name: each for each in found if isinstance(each, VirtualService)}


def problems(snapshot: Snapshot) -> list[str]:
    """What is wrong, as text."""
    return [str(each) for each in snapshot.conversions.problems]
