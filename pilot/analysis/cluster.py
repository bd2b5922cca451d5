"""What a cluster holds, read once.

In: a client of an API server. Out: items of every kind that an analysis looks at; kinds that the cluster does not have,
or that may not be read, are left out, the latter with a word. Changes nothing there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, Protocol

from ca.errors import KubernetesError
from pilot.analysis.item import Item, item_of
from pilot.sources.kinds import KINDS

_PAGE: Final = 500
_AT_ONCE: Final = 8
_OTHERS: Final = (
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
)
"""Kinds that the mesh itself does not read, or not all of."""
_WANTED_OF_CORE: Final = frozenset(("Namespace", "Node", "Service", "Pod", "Secret"))
_IRREGULAR: Final = {"GatewayClass": "gatewayclasses"}


class Client(Protocol):
    """The part of `kube_client.KubeClient` that is needed."""

    async def call(self, method: str, path: str) -> Any:
        """One request."""


def paths() -> list[tuple[str, str, str]]:
    """API version, kind and path of everything that is listed."""
    found = []
    for (group, name), kind in KINDS.items():
        if not group and name not in _WANTED_OF_CORE:
            continue
        if group in ("rbac.authorization.k8s.io", "discovery.k8s.io", "networking.k8s.io"):
            continue
        found.append((kind.api_versions[0], name))
    return [(version, kind, _path(version, kind)) for version, kind in (*found, *_OTHERS)]


def _path(version: str, kind: str) -> str:
    lower = kind.lower()
    ending = lower[:-1] + "ies" if lower.endswith("y") and lower[-2] not in "aeiou" else lower + "s"
    plural = _IRREGULAR.get(kind, ending)
    return f"/apis/{version}/{plural}" if "/" in version else f"/api/{version}/{plural}"


async def read(client: Client, cluster: str = "") -> tuple[list[Item], list[str]]:
    """Every object, and what could not be read. Raises: KubernetesError where nobody answers."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(version: str, kind: str, path: str) -> tuple[list[Item], str]:
        async with gate:
            try:
                return [each async for each in _list(client, version, kind, path, cluster)], ""
            except KubernetesError as error:
                if error.status == 404:
                    return [], ""
                if error.status == 403:
                    return [], f"{kind}: may not be listed: what depends on it is not analyzed"
                raise

    answers = await asyncio.gather(*(one(*each) for each in paths()))
    return [each for items, _ in answers for each in items], [word for _, word in answers if word]


async def _list(client: Client, version: str, kind: str, path: str, cluster: str) -> AsyncIterator[Item]:
    token = ""
    while True:
        answer = await client.call("GET", f"{path}?limit={_PAGE}" + (f"&continue={token}" if token else ""))
        for each in _objects(answer):
            yield item_of({**each, "apiVersion": version, "kind": kind}, "", None, cluster)
        token = (answer.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def _objects(answer: Any) -> Iterable[dict[str, Any]]:
    return answer.get("items") or ()
