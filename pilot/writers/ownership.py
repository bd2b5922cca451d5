"""Whose Gateways are whose, where several revisions share a cluster.

In: our revision, the tags and the default that webhook configurations declare. Out: whether a Gateway is ours.
Source: Kubernetes controllers behaviour 6.4.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ca.errors import KubernetesError
from ca.kubernetes_api import KubernetesApi
from webhook.configurations import DEFAULT, DEFAULT_VALIDATOR, REVISION, find_tags

API = "/apis/admissionregistration.k8s.io/v1"
LOOK_AGAIN = 10.0
"""Seconds between two looks; arbitrary."""
_log = logging.getLogger("revision")


def own_tags(
    revision: str, mutating: Sequence[Mapping[str, Any]], validating: Sequence[Mapping[str, Any]]
) -> frozenset[str]:
    """Names that we answer to; `default` among them where who asks for nobody is ours."""
    own = revision or DEFAULT
    tags = find_tags(mutating)
    found = {own, *(each.tag for each in tags if each.revision == own)}
    if not any(each.tag == DEFAULT for each in tags):
        for each in validating:
            metadata = each.get("metadata") or {}
            if metadata.get("name") == DEFAULT_VALIDATOR and (metadata.get("labels") or {}).get(REVISION) == own:
                found.add(DEFAULT)
    return frozenset(found)


def is_ours(labels: Mapping[str, str], namespace_labels: Mapping[str, str] | None, tags: frozenset[str]) -> bool:
    """By the labels of an object and of its namespace; None: that is not known."""
    if REVISION in labels:
        return labels[REVISION] in tags
    if namespace_labels is None:
        return True
    return namespace_labels.get(REVISION, DEFAULT) in tags


class Tags:
    """The names that we answer to, looked up now and then."""

    def __init__(self, api: KubernetesApi, revision: str) -> None:
        self._api, self._revision = api, revision
        self.now = own_tags(revision, (), ())
        """The same object until they change."""

    async def look(self) -> None:
        """Asks the API server; keeps what it knows where that does not answer."""
        try:
            mutating = await self._api.call("GET", f"{API}/mutatingwebhookconfigurations?labelSelector=istio.io%2Ftag")
            query = f"fieldSelector=metadata.name%3D{DEFAULT_VALIDATOR}"
            validating = await self._api.call("GET", f"{API}/validatingwebhookconfigurations?{query}")
        except KubernetesError as error:
            _log.debug(f"tags are not known: {error}")
            return
        found = own_tags(self._revision, mutating.get("items") or (), validating.get("items") or ())
        if found != self.now:
            self.now = found

    async def serve(self) -> None:
        """Looks for ever; ends only by cancellation."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_AGAIN)
