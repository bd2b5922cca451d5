"""Where waypoints are kept: a cluster, or a directory of manifests.

In: namespaces, Gateways as plain data. Out: the Gateways that are there; changes made. Knows nothing of what they say.
"""

import pathlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

import yaml

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient

Json = dict[str, Any]

GROUP: Final = "gateway.networking.k8s.io"
_APPLY: Final = "application/apply-patch+yaml"
_FIELD_MANAGER: Final = "istioctl"
"""Who wrote it: the same as the tool that people may use besides this one."""
_NOT_FOUND: Final = 404


class PlaceError(Exception):
    """What was asked for cannot be done there."""


class Place(Protocol):
    """Somewhere to keep waypoints."""

    async def gateways(self, namespace: str) -> list[Json]:
        """All Gateways of a namespace; of all of them where it is empty."""
        ...

    async def apply(self, gateway: Json) -> None:
        """Makes it so."""
        ...

    async def delete(self, namespace: str, name: str) -> None:
        """Takes it away. Raises: PlaceError."""
        ...

    async def labels_of(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace. Raises: PlaceError."""
        ...

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        """Adds labels to a namespace. Raises: PlaceError."""
        ...


class Cluster:
    """A Kubernetes API server."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def gateways(self, namespace: str) -> list[Json]:
        found = await self._client.call("GET", _gateways(namespace))
        return list(found.get("items") or ())

    async def apply(self, gateway: Json) -> None:
        metadata = gateway["metadata"]
        path = f"{_gateways(metadata['namespace'])}/{metadata['name']}?fieldManager={_FIELD_MANAGER}"
        await self._client.call("PATCH", path, gateway, _APPLY)

    async def delete(self, namespace: str, name: str) -> None:
        try:
            await self._client.call("DELETE", f"{_gateways(namespace)}/{name}")
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                raise PlaceError(f"there is no waypoint {namespace}/{name}") from error
            raise

    async def labels_of(self, namespace: str) -> dict[str, str]:
        try:
            found = await self._client.call("GET", f"/api/v1/namespaces/{namespace}")
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                raise PlaceError(f"there is no namespace {namespace}") from error
            raise
        return dict(found["metadata"].get("labels") or {})

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        await self._client.call("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})


def _gateways(namespace: str) -> str:
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/v1{within}/gateways"


class Directory:
    """Manifests that a control plane watches: a file of its own for each waypoint and namespace, others are read."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    async def gateways(self, namespace: str) -> list[Json]:
        found = [each for _, each in self._objects("Gateway") if namespace in ("", _namespace(each))]
        return sorted(found, key=lambda each: (_namespace(each), each["metadata"]["name"]))

    async def apply(self, gateway: Json) -> None:
        metadata = gateway["metadata"]
        there = self._find("Gateway", metadata["namespace"], metadata["name"])
        self._write(there or self._path / f"waypoint-{metadata['namespace']}-{metadata['name']}.yaml", gateway, there)

    async def delete(self, namespace: str, name: str) -> None:
        there = self._find("Gateway", namespace, name)
        if there is None:
            raise PlaceError(f"there is no waypoint {namespace}/{name}")
        self._alone(there)
        there.unlink()

    async def labels_of(self, namespace: str) -> dict[str, str]:
        found = (each for _, each in self._objects("Namespace") if each["metadata"]["name"] == namespace)
        first = next(found, None)
        return dict(first["metadata"].get("labels") or {}) if first is not None else {}

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        there = self._find("Namespace", "", namespace)
        metadata = {"name": namespace, "labels": {**await self.labels_of(namespace), **labels}}
        path = there or self._path / f"namespace-{namespace}.yaml"
        self._write(path, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, there)

    def _write(self, path: pathlib.Path, made: Json, there: pathlib.Path | None) -> None:
        if there is not None:
            self._alone(there)
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text(yaml.safe_dump(made, sort_keys=True))
        unfinished.replace(path)

    def _alone(self, path: pathlib.Path) -> None:
        """Raises: PlaceError where the file says something else too."""
        if sum(1 for each in yaml.safe_load_all(path.read_text()) if each) > 1:
            raise PlaceError(f"{path} has other objects too: change it by hand")

    def _find(self, kind: str, namespace: str, name: str) -> pathlib.Path | None:
        for path, each in self._objects(kind):
            if each["metadata"]["name"] == name and (not namespace or _namespace(each) == namespace):
                return path
        return None

    def _objects(self, kind: str) -> Iterator[tuple[pathlib.Path, Json]]:
        for path in sorted(self._path.rglob("*.y*ml")):
            if path.name.startswith("."):
                continue
            try:
                documents = list(yaml.safe_load_all(path.read_text()))
            except (yaml.YAMLError, UnicodeDecodeError):
                continue  # the control plane tells about it
            for each in documents:
                if isinstance(each, dict) and each.get("kind") == kind and (each.get("metadata") or {}).get("name"):
                    yield path, each


def _namespace(found: Json) -> str:
    return str(found["metadata"].get("namespace") or "default")
