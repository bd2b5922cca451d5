"""The connection to one Kubernetes API server: credentials by kubernetes-asyncio, requests and answers as plain JSON.

In: a kubeconfig, or the files of the pod that we run in. Out: a `KubeClient` with `call` for single objects, `read` for
lists and `stream` for watches; the last two give bytes, decoding is the caller's. Knows no kinds of objects.
Source: operations 6 (`--kubeconfig`, `--kubernetesApiQPS`, `--kubernetesApiBurst`).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from ca.errors import KubernetesError
from pilot.read_memory import ReadMemory

TIMEOUT = timedelta(seconds=30)
SILENCE = timedelta(seconds=120)
"""A watch that says nothing for so long is dead: bookmarks come every minute."""
JSON = "application/json"
ANY = "application/json, */*"
"""Some answers (an issuer's keys) are JSON by another name."""
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML. The path says `fieldManager` and, if wanted, `force=true`."""


class RequestBudget:
    """So many requests a second, after a burst; whoever comes later waits."""

    def __init__(self, per_second: float = 80, burst: int = 160) -> None:
        self._pause = 1 / per_second
        self._burst = burst * self._pause
        self._free = 0.0

    async def take(self) -> None:
        """Waits for its turn."""
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now - self._burst) + self._pause
        if self._free > now:
            await asyncio.sleep(self._free - now)


class KubeClient:
    """One cluster. Made by `connect` or `connect_by`; `close` it."""

    def __init__(self, api: Any, budget: RequestBudget | None = None, memory: ReadMemory | None = None) -> None:
        """`memory`: answers some questions while the API server does not."""
        self._api = api
        self._budget = budget or RequestBudget()
        self._memory = memory

    async def call(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        """One request; the decoded answer, None for an empty one. A PATCH is a merge patch unless it says otherwise.

        Raises: KubernetesError.
        """
        kind = content_type or (MERGE if method == "PATCH" else JSON)
        content = None if body is None else json.dumps(body)
        if method == "GET" and self._memory is not None and self._memory.keeps(path):
            text = (await self.read(path)).decode()
        else:
            async with self._request(method, path, TIMEOUT, content, {"Content-Type": kind}) as response:
                text = await response.text()
        try:
            answer = json.loads(text) if text else None
            self._remember_written(method, path, answer, text)
            return answer
        except ValueError as error:
            raise KubernetesError(f"{method} {path}: expected JSON, got {len(text)} characters", 0) from error

    def _remember_written(self, method: str, path: str, answer: Any, text: str) -> None:
        """What we have written is known as if we had read it."""
        if self._memory is None or method not in ("POST", "PUT") or not isinstance(answer, dict):
            return
        name = (answer.get("metadata") or {}).get("name")
        written = f"{path}/{name}" if method == "POST" else path
        if self._memory.keeps(written):
            self._memory.save(written, text.encode())

    async def read(self, path: str, accept: str = ANY) -> bytes:
        """What a GET answers, as it is. Raises: KubernetesError."""
        memory = self._memory if self._memory is not None and self._memory.keeps(path) else None
        try:
            async with self._request("GET", path, TIMEOUT, None, {"Accept": accept}) as response:
                answer = await response.read()
        except KubernetesError as error:
            remembered = memory.load(path) if memory is not None and not error.status else None
            if remembered is None:
                raise
            return remembered
        if memory is not None:
            memory.save(path, answer)
        return answer

    async def stream(self, path: str, accept: str = JSON) -> AsyncGenerator[list[bytes], None]:
        """What a watch says, as whole lines, those together that came together; ends when the server ends it.

        None at first: the server has accepted the watch. Raises: KubernetesError.
        """
        async with self._request("GET", path, None, None, {"Accept": accept}) as response:
            yield []
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                if lines:
                    yield lines

    @contextlib.asynccontextmanager
    async def _request(
        self, method: str, path: str, limit: timedelta | None, content: str | None, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is no error. `limit`: for the whole answer; None for one without an end."""
        await self._budget.take()
        sent = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "meshpilot", **headers}
        timeout = (
            aiohttp.ClientTimeout(total=limit.total_seconds())
            if limit is not None
            else aiohttp.ClientTimeout(sock_connect=TIMEOUT.total_seconds(), sock_read=SILENCE.total_seconds())
        )
        where = self._api.configuration.host + path
        try:
            await self._api.update_params_for_auth(sent, [], ["BearerToken"])
            # The library's connections (TLS, client certificates, proxy), none of its models.
            session = self._api.rest_client.pool_manager
            async with session.request(method, where, headers=sent, data=content, timeout=timeout) as response:
                if response.status >= 300:
                    said = _message(await response.text())
                    raise KubernetesError(f"{method} {path}: status {response.status}: {said}", response.status)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise KubernetesError(f"{method} {path}: {str(error) or type(error).__name__}") from error

    @contextlib.asynccontextmanager
    async def channel(self, path: str, protocol: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket that the server takes over. Raises: KubernetesError."""
        await self._budget.take()
        sent = {"User-Agent": "meshpilot"}
        try:
            await self._api.update_params_for_auth(sent, [], ["BearerToken"])
            session = self._api.rest_client.pool_manager
            where = self._api.configuration.host + path
            async with session.ws_connect(where, protocols=(protocol,), headers=sent, max_msg_size=0) as opened:
                yield opened
        except aiohttp.WSServerHandshakeError as error:
            raise KubernetesError(f"{path}: status {error.status}: {error.message}", error.status) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubernetesError(f"{path}: {str(error) or type(error).__name__}") from error

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self._api.configuration.host)

    def authority(self) -> bytes:
        """Roots of the API server, as PEM; empty where the system's are meant."""
        found = self._api.configuration.ssl_ca_cert
        return Path(found).read_bytes() if found else b""

    async def close(self) -> None:
        """Closes its connections."""
        await self._api.close()


def _message(text: str) -> str:
    """What a Status object says, cut short."""
    try:
        answer = json.loads(text)
    except ValueError:
        return text[:300]
    return str(answer.get("message", ""))[:300] if isinstance(answer, dict) else ""


async def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    budget: RequestBudget | None = None,
    memory: ReadMemory | None = None,
) -> KubeClient:
    """A client by a kubeconfig; without one, by what Kubernetes mounts into pods. Nothing is sent yet.

    Raises: KubernetesError.
    """
    from kubernetes_asyncio import client, config  # 40 MB, for those who need it

    configuration = _configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(str(kubeconfig), context, client_configuration=configuration)
        else:
            in_cluster: Any = config.load_incluster_config  # it has no types
            in_cluster(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        where = kubeconfig or "files of the pod"
        raise KubernetesError(f"{where}: no credentials for Kubernetes: {error}") from error
    return KubeClient(client.ApiClient(configuration), budget, memory)


async def connect_by(kubeconfig: Mapping[str, Any], budget: RequestBudget | None = None) -> KubeClient:
    """A client by the content of a kubeconfig, which must have been looked through: it may name programs to run.

    Raises: KubernetesError, which does not show the content.
    """
    from kubernetes_asyncio import client, config  # 40 MB, for those who need it

    configuration = _configuration()
    try:
        await config.load_kube_config_from_dict(dict(kubeconfig), client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise KubernetesError(f"kubeconfig: no credentials for Kubernetes: {type(error).__name__}") from error
    return KubeClient(client.ApiClient(configuration), budget)


def _configuration() -> Any:
    from kubernetes_asyncio import client

    configuration = client.Configuration()
    configuration.connection_pool_maxsize = 0  # no limit: each watch has a connection of its own
    return configuration
