"""What is said of the objects of small meshes."""

from typing import Any

from pilot.model.objects import ObjectKey
from pilot.status.statuses import statuses
from tests.pilot.gatewayapi.worlds import world


def status(kind: str, place: str, *documents: str, **features: Any) -> Any:
    """Of one object `namespace/name`; None: nothing is said."""
    namespace, _, name = place.rpartition("/")
    return statuses(world(*documents, **features)).get(ObjectKey(kind, namespace, name))


def brief(conditions: list[dict[str, Any]]) -> dict[str, str]:
    """Conditions as `Status Reason` by type."""
    return {each["type"]: f"{each['status']} {each['reason']}" for each in conditions}


def served(name: str = "main-istio", namespace: str = "gws", port: int = 80, **spec: str) -> str:
    """A Service with one endpoint, as gateways have."""
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    metadata = f"name: {name}, namespace: {namespace}"
    labels = f"labels: {{kubernetes.io/service-name: {name}}}"
    return f"""
---
kind: Service
metadata: {{{metadata}}}
spec: {{clusterIP: 10.0.0.9, ports: [{{name: http, port: {port}, targetPort: 8080}}]{more}}}
---
kind: EndpointSlice
metadata: {{name: {name}-x, namespace: {namespace}, {labels}}}
endpoints: [{{addresses: [10.1.1.1]}}]
ports: [{{name: http, port: 8080}}]
"""
