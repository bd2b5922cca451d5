"""A small client of Envoy's admin endpoint, for the agent, the demo and tests.

In: an address. Out: plain data: whether Envoy is ready, its configuration, statistics and certificates. Only asks, and
starts a drain; does not start or stop Envoy.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from pilot.agent.errors import AdminError
from pilot.agent.options import Address

TIMEOUT = aiohttp.ClientTimeout(total=10)

FIRST_CONFIGURATION = (
    ("cluster_manager.cds.update_success", "cluster_manager.cds.update_rejected"),
    ("listener_manager.lds.update_success", "listener_manager.lds.update_rejected"),
)
"""Per type: accepted or rejected, an answer of the control plane has arrived."""


@dataclass(frozen=True, slots=True)
class LoadedCertificate:
    """A certificate Envoy holds: serial in lower-case hexadecimal without leading zeros, URI names, expiry (UTC)."""

    serial: str
    uris: tuple[str, ...]
    expires: datetime


class AdminClient:
    """Asks one Envoy. An async context manager: it keeps its connection."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; the client opens another when it is used again."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **query: str) -> str:
        """The text at a path, e.g. `get("/clusters", format="json")`. Raises: AdminError."""
        return await self._ask("GET", path, query)

    async def post(self, path: str, **query: str) -> str:
        """Asks for a change, e.g. `post("/logging", level="debug")`. Raises: AdminError."""
        return await self._ask("POST", path, query)

    async def is_live(self) -> bool:
        """Whether Envoy answers and says that it serves."""
        try:
            return (await self.get("/ready")).strip() == "LIVE"
        except AdminError:
            return False

    async def why_not_ready(self) -> str | None:
        """What Envoy still lacks before it may get traffic; None where it is live and has its first configuration."""
        try:
            found = await self.stats("^(server.state|listener_manager.workers_started|.*[.][cl]ds[.]update_)")
        except AdminError as error:
            return str(error)
        for names in FIRST_CONFIGURATION:
            if not any(found.get(each) for each in names):
                kind = names[0].split(".")[1]
                return f"no configuration yet: no answer to {kind}"
        if found.get("server.state") != 0:
            return "envoy is not live yet"
        return None if found.get("listener_manager.workers_started") else "envoy's workers have not started"

    async def stats(self, pattern: str = "") -> Mapping[str, int]:
        """Counters and gauges by name, those whose name the regular expression matches. Raises: AdminError."""
        query = {"filter": pattern} if pattern else {}
        found = _decode_json(await self.get("/stats", format="json", **query), "/stats")
        return {each["name"]: each["value"] for each in found.get("stats", ()) if isinstance(each.get("value"), int)}

    async def config_dump(self, resource: str = "", **query: str) -> list[dict[str, Any]]:
        """The sections of the configuration dump, or with `resource` (e.g. "dynamic_listeners") its elements.

        Envoy blanks out private keys. Raises: AdminError.
        """
        asked = {"resource": resource} if resource else {}
        return list(_decode_json(await self.get("/config_dump", **asked, **query), "/config_dump").get("configs", ()))

    async def certificates(self) -> tuple[LoadedCertificate, ...]:
        """The certificates (not the roots) that Envoy uses, each once. Raises: AdminError."""
        found = _decode_json(await self.get("/certs"), "/certs").get("certificates", ())
        chains = (chain for each in found for chain in each.get("cert_chain", ()))
        return tuple(dict.fromkeys(map(_decode_certificate, chains)))

    async def server_info(self) -> dict[str, Any]:
        """Version, state, uptime and command line of Envoy. Raises: AdminError."""
        return _decode_json(await self.get("/server_info"), "/server_info")

    async def active_connections(self) -> int:
        """Connections that clients hold open, the admin endpoint's own left out. Raises: AdminError."""
        found = await self.stats("^listener[.].*[.]downstream_cx_active$")
        return sum(n for name, n in found.items() if not name.startswith("listener.admin.") and ".worker_" not in name)

    async def drain_listeners(self) -> None:
        """Tells clients to go away: connections close after their next response. Raises: AdminError."""
        await self.post("/drain_listeners?graceful&skip_exit")

    async def _ask(self, method: str, path: str, query: Mapping[str, str]) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(f"http://{self.address}", timeout=TIMEOUT, trust_env=False)
        try:
            async with self._session.request(method, path, params=query) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            message = f"admin {self.address}{path}: {str(error) or type(error).__name__}"
            raise AdminError(message) from error
        if response.status != 200:  # /ready says 503 until Envoy is
            message = f"admin {self.address}{path}: expected status 200, got {response.status}: {text.strip()[:200]}"
            raise AdminError(message)
        return text


def _decode_json(text: str, path: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        message = f"admin {path}: expected json, got {text[:80]!r}"
        raise AdminError(message) from error
    if not isinstance(found, dict):
        message = f"admin {path}: expected a json object, got {type(found).__name__}"
        raise AdminError(message)
    return found


def _decode_certificate(entry: Mapping[str, Any]) -> LoadedCertificate:
    uris = tuple(each["uri"] for each in entry.get("subject_alt_names", ()) if "uri" in each)
    expires = datetime.fromisoformat(entry["expiration_time"])
    return LoadedCertificate(entry["serial_number"].lower().lstrip("0"), uris, expires)
