"""Who plays in the demo, read from its manifests: one actor for each Pod.

In: the directory of manifests. Out: actors with their addresses. Does not start anything.
"""

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from pilot.view.proxy import ProxyKind


class CastError(Exception):
    """A manifest that the demo cannot play."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A workload with its proxy, or a gateway, which is only a proxy."""

    pod: str
    namespace: str
    service_account: str
    labels: dict[str, str]
    address: str
    """Where its proxy takes calls."""
    egress: str
    """Where its proxy takes the workload's own calls; empty for gateways."""
    socket: str
    """Where its proxy finds the workload (`@name` or a path); empty for gateways."""

    @property
    def kind(self) -> ProxyKind:
        """A workload has a sidecar; without one the proxy is a gateway."""
        return ProxyKind.SIDECAR if self.socket else ProxyKind.ROUTER

    @property
    def name(self) -> str:
        """As proxies are called in every list."""
        return f"{self.pod}.{self.namespace}"


def read_cast(directory: pathlib.Path) -> tuple[Actor, ...]:
    """The actors of all Pods, gateways last: they have nobody to call before the others are there.

    Raises: CastError.
    """
    documents = [each for path in sorted(directory.glob("*.yaml")) for each in _documents(path)]
    sidecars = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"]
        for each in documents
        if each.get("kind") == "Sidecar"
    }
    actors = [_actor(each, sidecars) for each in documents if each.get("kind") == "Pod"]
    if not actors:
        raise CastError(f"{directory}: expected manifests with Pods, found none")
    return tuple(sorted(actors, key=lambda actor: (not actor.socket, actor.name)))


def _documents(path: pathlib.Path) -> Iterator[dict[str, dict[str, object]]]:
    try:
        yield from filter(None, yaml.safe_load_all(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise CastError(f"{path}: {error}") from error


def _actor(pod: dict[str, object], sidecars: dict[tuple[object, object], object]) -> Actor:
    """An actor from a Pod and the Sidecar of the same name."""
    try:
        metadata, spec, status = (_mapping(pod, part) for part in ("metadata", "spec", "status"))
        sidecar = sidecars.get((metadata["namespace"], metadata["name"]))
        egress = _first(sidecar, "egress", "bind") if sidecar else ""
        endpoint = _first(sidecar, "ingress", "defaultEndpoint") if sidecar else ""
        return Actor(
            str(metadata["name"]),
            str(metadata["namespace"]),
            str(spec["serviceAccountName"]),
            {str(key): str(value) for key, value in _mapping(metadata, "labels").items()},
            str(status["podIP"]),
            egress,
            endpoint.removeprefix("unix://"),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise CastError(f"Pod {pod.get('metadata')}: {error!r}") from error


def _mapping(parent: dict[str, object], name: str) -> dict[str, object]:
    found = parent[name]
    if not isinstance(found, dict):
        raise TypeError(f"{name}: expected a mapping, got {type(found).__name__}")
    return found


def _first(sidecar: object, listeners: str, name: str) -> str:
    return str(sidecar[listeners][0][name])  # type: ignore[index]  # a TypeError is caught where this is called
