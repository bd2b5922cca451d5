"""Metrics of the application beside Envoy, so that whoever scrapes the agent gets both.

In: where the application has them. Out: their text, and how often it could not be had. Prometheus' text form is asked
for; what else a reply may be is left out. Source: injection 2.10 (Prometheus merge).
"""

import json
from collections.abc import Mapping
from typing import Final

import aiohttp

VARIABLE: Final = "ISTIO_PROMETHEUS_ANNOTATIONS"
"""Environment: what the annotations of the pod said before injection, as JSON."""
PATIENCE: Final = 5.0
"""Seconds for an answer; arbitrary: less than Prometheus waits for us."""
LARGEST: Final = 32 << 20
"""Bytes that are passed on at most. Arbitrary."""
_FORM: Final = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


def metrics_url(environ: Mapping[str, str]) -> str:
    """Where injection says that the application has metrics; empty: nowhere."""
    try:
        told = json.loads(environ.get(VARIABLE, "") or "{}")
    except ValueError:
        return ""
    if not isinstance(told, dict) or str(told.get("scrape", "")).lower() != "true":
        return ""
    port, path = str(told.get("port") or "80"), str(told.get("path") or "/metrics")
    return f"http://127.0.0.1:{port}/{path.removeprefix('/')}" if port.isdecimal() else ""


class ApplicationMetrics:
    """The application's metrics at `url`; an empty one: it has none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.failures = 0

    async def read(self) -> bytes:
        """Their text, with our own word on how often there was none."""
        if not self._url:
            return b""
        try:
            text = await self._fetch()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self.failures += 1
            text = b""
        count = f"# TYPE meshpilot_agent_scrape_failures counter\nmeshpilot_agent_scrape_failures {self.failures}\n"
        return text + count.encode()

    async def _fetch(self) -> bytes:
        """Raises: aiohttp.ClientError, TimeoutError, ValueError."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(self._url, headers={"Accept": _FORM}, raise_for_status=True) as response,
        ):
            text = await response.content.read(LARGEST + 1)
            while len(text) <= LARGEST and (more := await response.content.read(LARGEST)):
                text += more
        if len(text) > LARGEST:
            raise ValueError(f"expected at most {LARGEST} bytes of metrics, got more")
        lines = [line for line in text.splitlines() if line.strip() != b"# EOF"]  # of OpenMetrics; more follows
        return b"\n".join(lines) + b"\n" if lines else b""
