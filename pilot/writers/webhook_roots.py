"""The root in webhook configurations, so that API servers believe our webhooks; and their failure policy.

In: configurations of our revision, the root in force. Out: updates where `caBundle` is another one. Validation that was
installed as optional becomes binding when a trial object was refused by us. Without election, as istiod does: every
replica would write the same. Source: webhook behaviour 2.13, 5.2.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
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
        wanted = with_root(webhooks, encoded, all_of_them=self._kind == VALIDATING)
        is_optional = self._kind == VALIDATING and webhooks != with_policy(webhooks)
        if is_optional and wanted == webhooks and await self._proven():
            wanted, is_optional = with_policy(webhooks), False
        if wanted != webhooks:
            await self._put(name, {**found, "webhooks": wanted})
            _log.info(f"{self._kind} {name}: our root is in it")
        elif is_optional:
            raise KubernetesError("the API server does not call our validation yet: its failure policy stays")

    async def _put(self, name: str, wanted: Json) -> None:
        """The whole object: istiod's roles do not let anybody patch configurations of validation.

        Raises: KubernetesError.
        """
        validates = self._kind == VALIDATING
        self._metrics.tried(name, validates=validates, again=name in self._failing)
        try:
            await self._client.call("PUT", f"{API}/{self._kind}/{name}", wanted)
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


def with_root(webhooks: Sequence[Json], encoded: str, *, all_of_them: bool) -> list[Json]:
    """The webhooks, those of ours with this root."""
    return [
        {**each, "clientConfig": {**(each.get("clientConfig") or {}), "caBundle": encoded}}
        if all_of_them or str(each.get("name", "")).endswith(SUFFIX)
        else each
        for each in webhooks
    ]


def with_policy(webhooks: Sequence[Json]) -> list[Json]:
    """The webhooks, none of which may be passed over."""
    return [{**each, "failurePolicy": "Fail"} for each in webhooks]


def _plain(item: Raw) -> tuple[str, Json] | None:
    found = msgspec.json.decode(item)
    name = (found.get("metadata") or {}).get("name")
    return (name, found) if isinstance(name, str) else None
