"""Deployments of Gateways: applied when they, their class, their parameters or the injector's templates change.

In: Gateways and what we deployed, watched while we lead; the mesh. Out: server-side applies. What exists without our
mark is never touched, and a Gateway that a newer controller took over is left to it. Only what overlays asked for is
deleted, when they do not any more: owner references do the rest. Source: Kubernetes controllers behaviour 9.2, 9.3.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from operator import is_
from typing import Any

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.gatewayapi.classes import controller_of
from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway, ListenerSet
from pilot.gatewayapi.listeners import is_managed, is_parent
from pilot.kube_client import APPLY, KubeClient
from pilot.model import revisions
from pilot.model.declared_proxy_config import DeclaredProxyConfig
from pilot.model.kubernetes import Namespace
from pilot.model.policy_attachment import GATEWAY_NAME
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import MANAGED
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.writers.deployment import (
    CONTROLLER_VERSION,
    OLD_NAME_LABEL,
    ON_DEMAND,
    ROLES,
    Circumstances,
    DeploymentError,
    build,
    names,
)
from pilot.writers.following import changes
from pilot.writers.retry import NOT_FOUND, Retries
from webhook.injection.inject import Installation

LOCK = "istio-gateway-deployment"
OUR_VERSION = 5
"""Who finds a higher number has been followed by another controller."""
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
DEFAULTS_LABEL = "gateway.istio.io/defaults-for-class"
LOOK_AGAIN = 5.0
"""Seconds between two looks at ConfigMaps with parameters; arbitrary."""
SHAPING = tuple(each.KIND for each in (KubernetesGateway, GatewayClass, ListenerSet, Namespace))
"""Kinds that change deployments."""
COLLECTIONS = {
    "ServiceAccount": "/api/v1{}/serviceaccounts",
    "Deployment": "/apis/apps/v1{}/deployments",
    "Service": "/api/v1{}/services",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "/apis/policy/v1{}/poddisruptionbudgets",
}
Json = Mapping[str, Any]
Place = tuple[str, str]
_log = logging.getLogger("gateway")


class GatewayDeployments:
    """Deploys. `serve` while we lead."""

    def __init__(
        self,
        client: KubeClient,
        snapshot: Callable[[], Snapshot],
        installation: Callable[[], Installation | None],
        *,
        copies_metadata: bool = True,
    ) -> None:
        """`installation`: the injector's templates and values in force."""
        self._client, self._snapshot, self._installation = client, snapshot, installation
        self._copies_metadata = copies_metadata
        self._due: set[str] = set()
        self._present: dict[str, Names[str]] = {}
        """What we deployed, by kind."""
        self._gateways: Names[Json] = Names(_gateway, self._due.add)
        self._parameters: dict[Place, Mapping[str, str]] = {}
        self._defaults: dict[str, Mapping[str, str]] | None = None
        self._kubernetes = 0

    async def serve(self) -> None:
        """Ends only by cancellation."""
        self._kubernetes = await self._version()
        async with asyncio.TaskGroup() as group:
            group.create_task(_tolerant(lambda: Reflector(self._client, GATEWAYS, self._gateways).serve()))
            for kind in COLLECTIONS:
                group.create_task(_tolerant(lambda kind=kind: self._owned(kind).serve()))  # type: ignore[misc]
            group.create_task(self._look_at_parameters())
            group.create_task(self._deploy())

    async def _deploy(self) -> None:
        retries, seen = Retries[str](self._write, _log), list[object]()
        shaping = (partial(self._declared, kind) for kind in SHAPING)
        revised = lambda: self._snapshot().settings.revisions
        parts: tuple[Callable[[], object], ...] = (*shaping, self._installation, revised)
        async for _ in changes(*parts, due=lambda: bool(self._due) or retries.is_due):
            now = [each() for each in parts]
            is_same = len(seen) == len(now) and all(map(is_, now, seen))
            wanted = self._due & self._gateways.known.keys() if is_same else set(self._gateways.known)
            seen = now
            self._due.clear()
            await retries.run(sorted(wanted))

    def _declared(self, kind: str) -> object:
        """The same object until one of the kind changes."""
        return self._snapshot().objects.kinds.get(kind)

    def _owned(self, kind: str) -> Reflector:
        """What we deployed: one that goes or is changed is looked at again."""
        known: dict[tuple[str, str], str] = {}

        def read(item: Raw) -> tuple[str, str] | None:
            found = msgspec.json.decode(item)["metadata"]
            gateway = (found.get("labels") or {}).get(GATEWAY_NAME, "")
            key = (found.get("namespace", ""), found["name"])
            content = str((found.get("generation"), found.get("labels"), found.get("annotations")))
            if known.get(key) != content:
                known[key] = content
                self._due.add(f"{key[0]}/{gateway}")
            return f"{key[0]}/{key[1]}", f"{key[0]}/{gateway}"

        class Owned(Names[str]):
            def change(self, type_: str, item: Raw) -> None:
                if type_ == "DELETED":
                    found = msgspec.json.decode(item)["metadata"]
                    known.pop((found.get("namespace", ""), found["name"]), None)
                    due.add(f"{found.get('namespace', '')}/{(found.get('labels') or {}).get(GATEWAY_NAME, '')}")
                super().change(type_, item)

        due = self._due
        receiver = self._present[kind] = Owned(read, lambda _: None)
        query = f"labelSelector={MANAGED.replace('/', '%2F')}"
        return Reflector(self._client, COLLECTIONS[kind].format(""), receiver, query=query, metadata_only=True)

    # --- parameters ------------------------------------------------------------------------------------------------

    async def _look_at_parameters(self) -> None:
        """ConfigMaps change rarely: each is asked for now and then."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            try:
                await self._read_defaults()
                for place in filter(None, {_parameters_of(each) for each in self._gateways.known.values()}):
                    await self._read_parameters(place)
            except KubernetesError as error:
                _log.debug(f"parameters of Gateways: {error}")

    async def _read_defaults(self) -> Mapping[str, Mapping[str, str]]:
        """By class. Others than those known make each Gateway due, whoever reads them. Raises: KubernetesError."""
        namespace = self._snapshot().features.system_namespace
        query = f"labelSelector={DEFAULTS_LABEL.replace('/', '%2F')}"
        listed = await self._client.call("GET", f"/api/v1/namespaces/{namespace}/configmaps?{query}")
        items = sorted(listed.get("items") or (), key=lambda each: each["metadata"].get("creationTimestamp", ""))
        found: dict[str, Mapping[str, str]] = {}
        for each in items:
            found.setdefault(each["metadata"]["labels"][DEFAULTS_LABEL], each.get("data") or {})
        before, self._defaults = self._defaults, found
        if before not in (None, found):
            self._due.update(self._gateways.known)
        return found

    async def _read_parameters(self, place: Place) -> Mapping[str, str]:
        """Empty where there are none. Others than those known make due who names them. Raises: KubernetesError."""
        stored = await self._get(f"/api/v1/namespaces/{place[0]}/configmaps/{place[1]}")
        found = (stored or {}).get("data") or {}
        before, self._parameters[place] = self._parameters.get(place), found
        if before not in (None, found):
            self._due.update(key for key, each in self._gateways.known.items() if _parameters_of(each) == place)
        return found

    async def _version(self) -> int:
        """131 for 1.31."""
        found = await self._client.call("GET", "/version")
        digits = "".join(filter(str.isdigit, str(found.get("minor", ""))))
        return 100 * int(found.get("major") or 1) + int(digits or 0)

    # --- one Gateway -----------------------------------------------------------------------------------------------

    async def _write(self, key: str) -> None:
        """Raises: KubernetesError."""
        namespace, _, name = key.partition("/")
        gateway, snapshot, installation = self._gateways.known.get(key), self._snapshot(), self._installation()
        declared = snapshot.seen.get(KubernetesGateway, namespace, name)
        if gateway is None or declared is None or installation is None:
            return
        controller = controller_of(declared, snapshot.seen, snapshot.features)
        if controller not in ROLES or not self._is_ours(gateway, declared, snapshot):
            return
        if not is_managed(declared) and snapshot.features.manual_gateways:
            return
        features = snapshot.features
        controller_name = features.gateway_controller if ROLES[controller].has_suffix else controller
        deployed, _ = names(gateway, controller)
        existing = await self._stored("Deployment", namespace, deployed)
        around = await self._circumstances(gateway, declared, snapshot, installation, existing)
        try:
            made = build(gateway, controller, controller_name, around)
        except DeploymentError as error:
            _log.error(f"Gateway {key}: nothing is deployed: {error}")
            return
        for each in made:
            await self._apply(each, features.gateway_controller)
        for kind in ON_DEMAND - {str(each["kind"]) for each in made}:
            await self._remove(kind, namespace, deployed, name)

    def _is_ours(self, gateway: Json, declared: KubernetesGateway, snapshot: Snapshot) -> bool:
        metadata = gateway["metadata"]
        version = str((metadata.get("annotations") or {}).get(CONTROLLER_VERSION) or "0")
        if metadata.get("deletionTimestamp") or (version.isdecimal() and int(version) > OUR_VERSION):
            return False
        return revisions.is_ours(declared, snapshot.objects, snapshot.settings.revisions)

    async def _circumstances(
        self,
        gateway: Json,
        declared: KubernetesGateway,
        snapshot: Snapshot,
        installation: Installation,
        existing: Json | None,
    ) -> Circumstances:
        """Raises: KubernetesError."""
        overlays = [(await self._read_defaults()).get(declared.spec.gateway_class_name, {})]
        place = _parameters_of(gateway)
        if place is not None:
            overlays.append(await self._read_parameters(place))
        namespace = snapshot.objects.get(Namespace, "", declared.namespace)
        selected = (((existing or {}).get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        sets = (each for each in snapshot.seen.of(ListenerSet) if is_parent(declared, each))
        return Circumstances(
            installation=installation,
            cluster_id=snapshot.features.cluster_id,
            kubernetes=self._kubernetes,
            ambient=snapshot.features.ambient,
            copies_metadata=self._copies_metadata,
            namespace_annotations=namespace.metadata.annotations if namespace is not None else {},
            proxy_configs=tuple(msgspec.to_builtins(each) for each in snapshot.objects.of(DeclaredProxyConfig)),
            more_listeners=tuple(msgspec.to_builtins(one) for each in sets for one in each.spec.listeners),
            selector_label=OLD_NAME_LABEL if OLD_NAME_LABEL in selected else GATEWAY_NAME,
            overlays=tuple(each for each in overlays if each),
        )

    async def _stored(self, kind: str, namespace: str, name: str) -> Json | None:
        """Raises: KubernetesError."""
        return await self._get(f"{_collection(kind, namespace)}/{name}")

    async def _get(self, path: str) -> Json | None:
        """None where it is not there. Raises: KubernetesError."""
        try:
            found: Json = await self._client.call("GET", path)
        except KubernetesError as error:
            if error.status != NOT_FOUND:
                raise
            return None
        return found

    async def _apply(self, made: Json, manager: str) -> None:
        """Raises: KubernetesError."""
        metadata = made["metadata"]
        kind, namespace, name = str(made["kind"]), str(metadata["namespace"]), str(metadata["name"])
        stored = await self._stored(kind, namespace, name)
        if stored is not None and MANAGED not in (stored["metadata"].get("labels") or {}):
            _log.warning(f"{kind} {namespace}/{name} is there without label {MANAGED}: it is not ours to change")
            return
        path = f"{_collection(kind, namespace)}/{name}?fieldManager={manager.replace('/', '%2F')}&force=true"
        await self._client.call("PATCH", path, made, APPLY)

    async def _remove(self, kind: str, namespace: str, name: str, gateway: str) -> None:
        """What an overlay asked for once, if it is there and ours. Raises: KubernetesError."""
        if kind not in self._present or f"{namespace}/{name}" not in self._present[kind].known:
            return
        stored = await self._stored(kind, namespace, name)
        labels = (stored or {}).get("metadata", {}).get("labels") or {}
        if stored is None or MANAGED not in labels or labels.get(GATEWAY_NAME) != gateway:
            return
        precondition = {"preconditions": {"uid": stored["metadata"]["uid"]}}
        await self._client.call("DELETE", f"{_collection(kind, namespace)}/{name}", precondition)
        _log.info(f"{kind} {namespace}/{name} is removed: no overlay of its Gateway asks for it")


def _collection(kind: str, namespace: str) -> str:
    return COLLECTIONS[kind].format(f"/namespaces/{namespace}")


def _parameters_of(gateway: Json) -> Place | None:
    """The ConfigMap that a Gateway names."""
    reference = (gateway["spec"].get("infrastructure") or {}).get("parametersRef") or {}
    if reference.get("kind") != "ConfigMap" or reference.get("group"):
        return None
    return str(gateway["metadata"].get("namespace", "")), str(reference.get("name", ""))


def _gateway(item: Raw) -> tuple[str, Json] | None:
    found = msgspec.json.decode(item)
    metadata = found["metadata"]
    metadata.pop("managedFields", None)
    return f"{metadata.get('namespace', '')}/{metadata['name']}", found


async def _tolerant(follow: Callable[[], Coroutine[None, None, None]]) -> None:
    """Follows a kind that may come later, or that we may not read."""
    while True:
        try:
            await follow()
        except KubernetesError as error:
            _log.info(f"deployments of Gateways: {error}")
        await asyncio.sleep(2 * LOOK_AGAIN)
