"""The injector's configuration: the ConfigMap `istio-sidecar-injector[-revision]`, kept current for the webhook.

In: an API server. Out: its two texts, uninterpreted. Source: webhooks behaviour 2.6.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.named import watch_object


@dataclass(frozen=True, slots=True)
class InjectorTexts:
    """Keys `config` (templates, policy) and `values` (JSON) of the ConfigMap."""

    config: str = ""
    values: str = ""


def suffixed(name: str, revision: str) -> str:
    """The name of an object of ours: revisions but the default one have their own."""
    return name if revision in ("", "default") else f"{name}-{revision}"


async def watch_injector(
    api: ListApi, namespace: str, revision: str = "", name: str = "istio-sidecar-injector"
) -> AsyncGenerator[InjectorTexts | None, None]:
    """The texts: first as they are (None: there is no ConfigMap), then each time that they change. Never ends.

    Raises: KubernetesError where we may not read it.
    """
    said: tuple[InjectorTexts | None] | None = None
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    async with aclosing(watch_object(api, collection, suffixed(name, revision))) as versions:
        async for found in versions:
            data = (found.get("data") or {}) if found is not None else None
            now = InjectorTexts(data.get("config", ""), data.get("values", "")) if data is not None else None
            if said != (now,):
                said = (now,)
                yield now
