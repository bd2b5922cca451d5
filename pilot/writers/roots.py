"""Roots for every namespace: the ConfigMaps by which proxies know the control plane and each other.

In: namespaces of the mesh, the roots in force, what ConfigMaps of those names hold. Out: ConfigMaps with our key as it
has to be; other keys stay. A namespace of another tenant's mesh (`maistra.io/member-of`) is left alone, one of ours has
them whatever the selectors say. Source: certificate authority behaviour 1.12.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from ca.distribution import LABELS, REVOCATION_KEY, ROOT_KEY, UNTOUCHED_NAMESPACES, merge_data
from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
from pilot.model import discovery
from pilot.model.kubernetes import Namespace
from pilot.model.snapshot import Snapshot
from pilot.sources.kubernetes.members import LABEL as MEMBER_OF
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.writers.following import changes
from pilot.writers.retry import CONFLICT, FORBIDDEN, NOT_FOUND, Retries

LOCK = "istio-namespace-controller-election"
MAPS = "/api/v1/namespaces/{}/configmaps"
_log = logging.getLogger("roots")


@dataclass(frozen=True, slots=True)
class Roots:
    """What is handed out, as PEM. Compares by value."""

    trusted: str
    revoked: str | None = None
    """None where no list of revoked certificates is handed out."""


def trusted_of(roots: Callable[[], Roots | None]) -> Callable[[], str | None]:
    """Only whom to trust, now."""

    def trusted() -> str | None:
        found = roots()
        return found.trusted if found is not None else None

    return trusted


@dataclass(frozen=True, slots=True)
class MapNames:
    """PILOT_CA_CERT_CONFIGMAP, PILOT_CRL_CONFIGMAP."""

    roots: str = "istio-ca-root-cert"
    revocations: str = "istio-ca-crl"


def select_namespaces(snapshot: Snapshot, only: Iterable[str] = ()) -> frozenset[str]:
    """Who gets them. `only`: ISTIO_WATCH_NAMESPACE."""
    limits, system = frozenset(only), snapshot.features.system_namespace
    found = set()
    for each in snapshot.objects.of(Namespace):
        member_of = each.metadata.labels.get(MEMBER_OF, "")
        if each.name in UNTOUCHED_NAMESPACES or each.metadata.deletion_timestamp or member_of not in ("", system):
            continue
        selected = discovery.is_selected(snapshot.objects, snapshot.mesh.discovery_selectors, each.name)
        if (selected or member_of == system) and (not limits or each.name in limits):
            found.add(each.name)
    return frozenset(found)


class RootMaps:
    """Writes them. `serve` while we lead."""

    def __init__(
        self,
        client: KubeClient,
        snapshot: Callable[[], Snapshot],
        roots: Callable[[], Roots | None],
        names: MapNames | None = None,
        only: tuple[str, ...] = (),
    ) -> None:
        """`roots`: those in force, the same object until they change; None while there are none."""
        self._client, self._snapshot, self._roots = client, snapshot, roots
        self._names, self._only = names or MapNames(), only

    async def serve(self) -> None:
        """Keeps every ConfigMap as it has to be; ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve(self._names.roots, ROOT_KEY, lambda found: found.trusted))
            group.create_task(self._serve(self._names.revocations, REVOCATION_KEY, lambda found: found.revoked))

    async def _serve(self, name: str, key: str, text: Callable[[Roots], str | None]) -> None:
        """One name in every namespace."""
        changed: set[str] = set()
        maps: Names[Mapping[str, str]] = Names(_read_data, changed.add)
        query = f"fieldSelector=metadata.name%3D{name}"
        following = asyncio.create_task(_follow(self._client, query, maps))
        wanted: str | None = None

        async def write(namespace: str) -> None:
            if wanted is not None:
                await self._write(namespace, name, maps.known.get(namespace), {key: wanted})

        retries, before, written = Retries[str](write, _log), frozenset[str](), None
        try:
            async for _ in changes(self._snapshot, self._roots, due=lambda: bool(changed) or retries.is_due):
                roots = self._roots()
                wanted = text(roots) if roots is not None else None
                if wanted is None or not (maps.is_listed or following.done()):
                    changed.add("")  # to be looked at again
                    continue
                namespaces = select_namespaces(self._snapshot(), self._only)
                due = namespaces if wanted != written else (namespaces - before) | (changed & namespaces)
                changed.clear()
                before, written = namespaces, wanted
                await retries.run(sorted(due))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _write(
        self, namespace: str, name: str, existing: Mapping[str, str] | None, ours: Mapping[str, str]
    ) -> None:
        """One ConfigMap. Raises: KubernetesError."""
        merged = merge_data(existing, ours)
        if merged is None or namespace not in select_namespaces(self._snapshot(), self._only):
            return
        made: dict[str, Any] = {"metadata": {"name": name, "labels": LABELS}, "data": dict(ours)}
        try:
            if existing is None:
                try:
                    await self._client.call("POST", MAPS.format(namespace), made)
                    return
                except KubernetesError as error:
                    if error.status != CONFLICT:
                        raise
            # Not patched: istiod's roles let nobody do that.
            path = f"{MAPS.format(namespace)}/{name}"
            stored = await self._client.call("GET", path)
            await self._client.call("PUT", path, _updated(stored, made))
        except KubernetesError as error:
            # The namespace goes, or is none of ours: nothing to be told of.
            if error.status not in (FORBIDDEN, NOT_FOUND):
                raise
            _log.debug(f"{namespace}/{name}: {error}")


def _updated(stored: Mapping[str, Any], ours: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is stored, with our keys and labels; nobody's change in between is lost."""
    metadata = stored["metadata"]
    labels = {**(metadata.get("labels") or {}), **ours["metadata"]["labels"]}
    data = {**(stored.get("data") or {}), **ours["data"]}
    return {**stored, "metadata": {**metadata, "labels": labels}, "data": data}


async def _follow(client: KubeClient, query: str, maps: Names[Mapping[str, str]]) -> None:
    """What there is. Where it may not be listed, each is written once and never looked at again."""
    try:
        await Reflector(client, "/api/v1/configmaps", maps, query=query).serve()
    except KubernetesError as error:
        _log.info(f"root ConfigMaps are not watched: {error}")


def _read_data(item: Raw) -> tuple[str, Mapping[str, str]] | None:
    found = msgspec.json.decode(item)
    metadata = found.get("metadata") or {}
    namespace = metadata.get("namespace")
    return (namespace, found.get("data") or {}) if isinstance(namespace, str) else None
