"""The root in webhook configurations, so that API servers believe our webhooks; and their failure policy.

In: configurations of our revision, the root in force. Out: patches where `caBundle` is another one. Validation that was
installed as optional becomes binding when a trial object was refused by us. Without election, as istiod does: every
replica would write the same. Source: webhook behaviour 2.13, 5.2.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.kube_client import JSON_PATCH, KubeClient
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.writers.following import changes
from pilot.writers.retry import NOT_FOUND, Retries
from pilot.writers.webhook_metrics import WebhookMetrics
from webhook.configurations import REVISION, SUFFIX

API = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
TRIAL = "/apis/networking.istio.io/v1/namespaces/{}/gateways"
REJECT = "internal.istio.io/webhook-always-reject"
LOOK_AGAIN = 30.0
Json = Mapping[str, Any]

_log = logging.getLogger("webhook")


class WebhookRoots:
    """One kind of configuration. `serve` it for each."""

    def __init__(
        self,
        client: KubeClient,
        kind: str,
        revision: str,
        namespace: str,
        roots: Callable[[], str | None],
        metrics: WebhookMetrics,
    ) -> None:
        """`roots`: PEM; None while there are none. `namespace`: our own one, for the trial object."""
        self._client, self._kind, self._roots, self._metrics = client, kind, roots, metrics
        self._failing: set[str] = set()
        self._revision, self._namespace = revision or "default", namespace
        self._changed: set[str] = set()
        self._known: Names[Json] = Names(_plain, self._changed.add)
        self._is_proven = False
        """Whether the API server calls us."""

    async def serve(self) -> None:
        """Keeps them as they have to be; ends only by cancellation."""
        following = asyncio.create_task(self._follow())
        retries, written = Retries[str](self._write, _log), None
        try:
            async for _ in changes(self._roots, due=lambda: bool(self._changed) or retries.is_due):
                roots = self._roots()
                due = set(self._known.known) if roots != written else self._changed & self._known.known.keys()
                self._changed.clear()
                written = roots
                if roots is not None:
                    await retries.run(sorted(due))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self) -> None:
        query = f"labelSelector={quote(f'{REVISION}={self._revision}')}"
        while True:
            try:
                await Reflector(self._client, f"{API}/{self._kind}", self._known, query=query).serve()
            except KubernetesError as error:
                _log.warning(f"webhook configurations get no root: {error}")
            await asyncio.sleep(LOOK_AGAIN)

    async def _write(self, name: str) -> None:
        """Raises: KubernetesError."""
        found, roots = self._known.known.get(name), self._roots()
        if found is None or roots is None:
            return
        encoded = base64.b64encode(roots.encode()).decode()
        webhooks: Sequence[Json] = found.get("webhooks") or ()
        operations = list(_roots_of(webhooks, encoded, all_of_them=self._kind == VALIDATING))
        optional = [
            number for number, each in enumerate(webhooks) if each.get("failurePolicy", "Fail") != "Fail"
        ] if self._kind == VALIDATING else []  # fmt: skip
        if optional and not operations and await self._proven():
            operations += [_replace(number, "failurePolicy", "Fail") for number in optional]
        if operations:
            version = found["metadata"].get("resourceVersion")
            operations.insert(0, {"op": "test", "path": "/metadata/resourceVersion", "value": version})
            await self._patch(name, operations)
            _log.info(f"{self._kind} {name}: our root is in it")
        elif optional:
            raise KubernetesError("the API server does not call our validation yet: its failure policy stays")

    async def _patch(self, name: str, operations: Sequence[Json]) -> None:
        """Raises: KubernetesError."""
        validates = self._kind == VALIDATING
        self._metrics.tried(name, validates=validates, again=name in self._failing)
        try:
            await self._client.call("PATCH", f"{API}/{self._kind}/{name}", operations, JSON_PATCH)
        except KubernetesError as error:
            self._failing.add(name)
            self._metrics.failed(name, error.status, validates=validates)
            raise
        self._failing.discard(name)
        self._metrics.written(validates=validates)

    async def _proven(self) -> bool:
        """Whether an object that we always refuse was refused."""
        if self._is_proven:
            return True
        trial = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {
                "name": "invalid-gateway",
                "labels": {REVISION: self._revision},
                "annotations": {REJECT: "true"},
            },
            "spec": {},
        }
        try:
            await self._client.call("POST", f"{TRIAL.format(self._namespace)}?dryRun=All", trial)
        except KubernetesError as error:
            text = str(error)
            self._is_proven = (
                "denied the request" in text or error.status == NOT_FOUND or "does not support dry run" in text
            )
        return self._is_proven


def _roots_of(webhooks: Sequence[Json], encoded: str, *, all_of_them: bool) -> Iterator[Json]:
    """What has to be changed for every webhook of ours to have the root."""
    for number, each in enumerate(webhooks):
        config = each.get("clientConfig") or {}
        if (all_of_them or str(each.get("name", "")).endswith(SUFFIX)) and config.get("caBundle") != encoded:
            yield _replace(number, "clientConfig/caBundle", encoded)


def _replace(number: int, field: str, value: str) -> Json:
    return {"op": "add", "path": f"/webhooks/{number}/{field}", "value": value}


def _plain(item: Raw) -> tuple[str, Json] | None:
    found = msgspec.json.decode(item)
    name = (found.get("metadata") or {}).get("name")
    return (name, found) if isinstance(name, str) else None
