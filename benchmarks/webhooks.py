"""The injection webhook at a steady rate: `python -m benchmarks.webhooks`.

In: a rate, how long, and a directory with the injector's `config` and `values` (else our own templates). Out: latencies
as an API server would see them, and the control plane's CPU. It ends after `--seconds`, with 50 in flight at most.
"""

import asyncio
import json
import pathlib
import ssl
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import click

from benchmarks import server

MOST = 50
"""In flight, as many as the target says."""


@dataclass(slots=True)
class Figures:
    """What was seen: seconds from when a review was due until its answer was there."""

    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    late: int = 0
    """Reviews that had to wait since too many were in flight."""

    def line(self, cpu: float, seconds: float) -> str:
        """For a person."""
        ordered = sorted(self.latencies)
        at = {part: 1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99)}
        return (
            f"{len(ordered)} reviews, {self.failures} failed, {self.late} waited; p50 {at[0.5]:.1f} ms, "
            f"p99 {at[0.99]:.1f} ms, mean {1000 * statistics.fmean(ordered):.1f} ms; {cpu / seconds:.2f} cores"
        )


def review(number: int) -> bytes:
    """A pod of two containers, with probes."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}}
    containers = [
        {"name": "app", "image": "app", "ports": [{"containerPort": 8080}], "readinessProbe": probe},
        {"name": "helper", "image": "helper", "env": [{"name": "A", "value": "b"}]},
    ]
    metadata = {"generateName": "web-", "labels": {"app": "web", "version": "v1"}, "namespace": "shop"}
    asked: dict[str, Any] = {
        "uid": f"00000000-0000-4000-8000-{number:012d}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}},
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}).encode()


async def run(url: str, trusted: ssl.SSLContext, rate: float, seconds: float) -> Figures:
    """Asks at a steady rate, whether answers come or not."""
    figures, turns = Figures(), asyncio.Semaphore(MOST)
    connector = aiohttp.TCPConnector(ssl=trusted, limit=MOST)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as asking:

        async def ask(number: int, due: float) -> None:
            figures.late += turns.locked()
            async with turns:
                headers = {"Content-Type": "application/json"}
                async with session.post(f"{url}?timeout=10s", data=review(number), headers=headers) as answer:
                    found = await answer.json()
            figures.failures += not found["response"].get("patch")
            figures.latencies.append(time.monotonic() - due)

        begin = time.monotonic()
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            asking.create_task(ask(number, due))
    return figures


@click.command()
@click.option("--rate", default=200.0, show_default=True, help="reviews a second")
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--injectionDirectory", "templates", type=click.Path(path_type=pathlib.Path, exists=True))
def main(rate: float, seconds: float, templates: pathlib.Path | None) -> None:
    """Measures injection of a control plane of our own."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "objects").mkdir()
        extra = ("--injectionDirectory", str(templates or work / "none"))
        made = server.start(work / "objects", work, extra)
        try:
            assert made.state_dir is not None
            trusted = ssl.create_default_context(cafile=str(made.state_dir / "root-cert.pem"))
            url = f"https://{made.https_address}/inject"
            asyncio.run(run(url, trusted, rate, 1.0))
            before = made.cpu()
            figures = asyncio.run(run(url, trusted, rate, seconds))
            click.echo(figures.line(made.cpu() - before, seconds))
        finally:
            made.stop()


if __name__ == "__main__":
    main()
