"""The connection to one Kubernetes API server: credentials by kubernetes-asyncio, calls as plain JSON.

In: a kubeconfig, or the files of the pod that we run in. Out: a `KubeClient` with `call`. Knows no kinds of objects.
Source: operations 6 (`--kubeconfig`).
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes_asyncio import client, config

from ca.errors import KubernetesError

TIMEOUT = timedelta(seconds=30)


class KubeClient:
    """One cluster. Made by `connect`; `close` it."""

    def __init__(self, api: Any) -> None:
        self._api = api

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the decoded answer, None for an empty one. Raises: KubernetesError."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", "Content-Type": kind, "User-Agent": "meshpilot"}
        where = self._api.configuration.host + path
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"])
            # The library's connections (TLS, client certificates, proxy), none of its models.
            async with self._api.rest_client.pool_manager.request(
                method,
                where,
                headers=headers,
                data=None if body is None else json.dumps(body),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT.total_seconds()),
            ) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise KubernetesError(f"{method} {path}: {str(error) or type(error).__name__}") from error
        try:
            answer = json.loads(text) if text else None
        except ValueError as error:
            raise KubernetesError(f"{method} {path}: expected JSON, got {len(text)} characters", status) from error
        if status >= 300:
            said = answer.get("message", "") if isinstance(answer, dict) else ""
            raise KubernetesError(f"{method} {path}: status {status}: {str(said)[:300]}", status)
        return answer

    async def close(self) -> None:
        """Closes its connections."""
        await self._api.close()


async def connect(kubeconfig: Path | None = None, context: str | None = None) -> KubeClient:
    """A client by a kubeconfig; without one, by what Kubernetes mounts into pods. Nothing is sent yet.

    Raises: KubernetesError.
    """
    configuration = client.Configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(str(kubeconfig), context, client_configuration=configuration)
        else:
            in_cluster: Any = config.load_incluster_config  # it has no types
            in_cluster(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        where = kubeconfig or "files of the pod"
        raise KubernetesError(f"{where}: no credentials for Kubernetes: {error}") from error
    return KubeClient(client.ApiClient(configuration))
