"""Workload discovery from end to end: a server of our own with 20,000 workloads, and a hundred ztunnels over gRPC.

    python -m benchmarks.ztunnels

In: nothing. Out: a table: seconds until a ztunnel has everything, CPU of the server for that, for one pod's change,
and for a ztunnel that comes back and names 40,000 resources. In process the same is `benchmarks.workloads`.
"""

import asyncio
import json
import pathlib
import tempfile
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click
import grpc
import uvloop
from envoy.service.discovery.v3 import discovery_pb2
from rich.console import Console
from rich.table import Table

from benchmarks import calibration, server, workloads
from benchmarks.load import allow_many_files
from benchmarks.server import Server
from pilot.type_urls import ADDRESS

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
CHANGES = 7
SETTLED = 0.05
"""Seconds after the last acknowledgement was written until the server has read it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step: seconds until it was over for the last ztunnel, CPU seconds of the server, bytes to each of them."""

    seconds: float
    cpu: float
    size: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured."""

    first: Cost
    everybody: Cost
    change: Cost
    back: Cost
    named: int
    """Bytes of the request of the one who came back."""


class Ztunnel:
    """One stream on a connection of its own. `versions`: what it has, by name."""

    def __init__(self, address: str, number: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(address, options)
        self._node = workloads.node(number)
        self._call: Any = None
        self.versions: dict[str, str] = {}
        self.removed = 0

    async def ask(self, versions: Mapping[str, str] | None = None) -> int:
        """Asks for everything, as one that has `versions`; the size of the request."""
        open_call: Any = self._channel.stream_stream  # grpc-stubs asks for serializers; without them it is bytes
        self._call = open_call(METHOD)()
        request = discovery_pb2.DeltaDiscoveryRequest(
            node=self._node, type_url=ADDRESS, resource_names_subscribe=["*"], initial_resource_versions=versions
        ).SerializeToString()
        await self._call.write(request)
        return len(request)

    async def take(self, *, keep: bool = False) -> int:
        """The next response, acknowledged; its size. With `keep` it is remembered."""
        data = await self._call.read()
        assert isinstance(data, bytes), await self._call.details()
        said = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
        if keep:
            self.versions |= {each.name: each.version for each in said.resources}
        self.removed = len(said.removed_resources)
        accepted = discovery_pb2.DeltaDiscoveryRequest(type_url=ADDRESS, response_nonce=said.nonce)
        await self._call.write(accepted.SerializeToString())
        return len(data)

    async def leave(self) -> None:
        """Ends the stream, and its connection."""
        if self._call is not None:
            self._call.cancel()
        await self._channel.close(None)


@dataclass(slots=True)
class Mesh:
    """The directory that the server reads."""

    root: pathlib.Path
    workloads: int
    services: int

    def write(self) -> None:
        """Everything; the first pod has a file of its own."""
        self.root.mkdir()
        documents = [workloads.service(number) for number in range(self.services)]
        documents += [workloads.pod(number, self.services, "v1") for number in range(1, self.workloads)]
        (self.root / "mesh.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
        self.change("v1")

    def change(self, version: str) -> None:
        """The first pod is of another version."""
        part = self.root / ".pod.part"
        part.write_text(json.dumps(workloads.pod(0, self.services, version)))
        part.replace(self.root / "pod.json")


async def measure(target: Server, mesh: Mesh, ztunnels: int, named: int) -> Figures:
    """All the steps."""
    fleet = [Ztunnel(target.address, number) for number in range(ztunnels)]
    try:
        first = await _cost(target, _sync(fleet[:1]))
        assert len(fleet[0].versions) == mesh.workloads + mesh.services, "every workload is told of"
        everybody = await _cost(target, _sync(fleet[1:]))
        changes = []
        for number in range(CHANGES):
            changing = _all(each.take() for each in fleet)
            mesh.change(f"v{number + 2}")
            changes.append(await _cost(target, changing))
        size, back = await _come_back(target, fleet[0].versions, named)
    finally:
        for each in fleet:
            await each.leave()
    return Figures(first, everybody, min(changes, key=lambda each: each.cpu), back, size)


async def _sync(fleet: list[Ztunnel]) -> int:
    async def one(each: Ztunnel) -> int:
        await each.ask()
        return await each.take(keep=each is fleet[0])

    return await _all(one(each) for each in fleet)


async def _all(work: Iterable[Awaitable[int]]) -> int:
    """The largest result of work done at the same time; 0 where there is none."""
    return max(await asyncio.gather(*work), default=0)


async def _come_back(target: Server, known: Mapping[str, str], named: int) -> tuple[int, Cost]:
    """A ztunnel that has all there is, and names that are gone."""
    gone = {f"Kubernetes//Pod/ns-0/gone-{number}": "0123456789abcdef" for number in range(named - len(known))}
    claims = {**known, **gone}
    again = Ztunnel(target.address, 0)
    sizes = []

    async def work() -> int:
        sizes.append(await again.ask(claims))
        return await again.take()

    try:
        cost = await _cost(target, work())
        assert again.removed == len(gone), "what is gone is told"
    finally:
        await again.leave()
    return sizes[0], cost


async def _cost(target: Server, work: Awaitable[int]) -> Cost:
    begun, cpu = time.monotonic(), target.cpu()
    size = await work
    seconds = time.monotonic() - begun
    await asyncio.sleep(SETTLED)
    return Cost(seconds, target.cpu() - cpu, size)


def run(count: int, services: int, ztunnels: int, named: int) -> Figures:
    """Against a server of our own, started for it."""
    with tempfile.TemporaryDirectory(prefix="meshpilot-ztunnels-") as scratch:
        work = pathlib.Path(scratch)
        mesh = Mesh(work / "config", count, services)
        mesh.write()
        target = server.start(mesh.root, work)
        try:
            return uvloop.run(measure(target, mesh, ztunnels, named))
        finally:
            target.stop()


@click.command()
@click.option("--workloads", "count", default=20_000, show_default=True)
@click.option("--services", default=1000, show_default=True)
@click.option("--ztunnels", default=100, show_default=True)
@click.option("--named", default=40_000, show_default=True, help="resources that a ztunnel names when it comes back")
def main(count: int, services: int, ztunnels: int, named: int) -> None:
    """Measures workload discovery over gRPC; a minute."""
    console = Console(width=110)
    allow_many_files()
    with console.status(f"{count} workloads of {services} services, {ztunnels} ztunnels"):
        found, factor = run(count, services, ztunnels, named), calibration.factor()
    title = f"{count} workloads, {ztunnels} ztunnels, over gRPC"
    table = Table("what", "until the last", "CPU", f"adjusted (factor {factor:.2f})", "to each", title=title)
    rows = (
        ("the first ztunnel has everything", found.first),
        (f"{ztunnels - 1} more at once", found.everybody),
        (f"one pod changes, for all {ztunnels}", found.change),
        (f"one comes back and names {named} ({found.named / 1e6:.1f} MB)", found.back),
    )
    for what, cost in rows:
        cpu = f"{cost.cpu * 1000:.1f} ms", f"{cost.cpu / factor * 1000:.1f} ms"
        table.add_row(what, f"{cost.seconds:.2f} s", *cpu, f"{cost.size / 1000:.1f} kB")
    console.print(table)


if __name__ == "__main__":
    main()
