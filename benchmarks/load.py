"""Simulates a fleet of Envoys against a control plane and measures what each kind of change costs.

    python -m benchmarks.load --services 200 --proxies 100                       # starts our server
    python -m benchmarks.load --address HOST:PORT --pid PID --config-dir DIR     # any other that reads DIR

Only loopback addresses are ever dialled. Every step ends by itself.
"""

import asyncio
import ipaddress
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import grpc
import psutil
import uvloop
from rich.console import Console
from rich.progress import Progress

from benchmarks import calibration, server
from benchmarks.fleet import Envoy, Fleet
from benchmarks.mesh import Mesh, node_metadata
from benchmarks.report import Report, Row

STEPS = ("route change", "endpoint flip", "endpoint churn", "service added", "policy change", "restart")
QUIET = 0.6
"""A step is over when nobody has received anything for this long, seconds: well over the debounce of 0.1 s."""


class Run:
    """One run: the mesh, the server, the fleet and what was measured so far."""

    def __init__(self, mesh: Mesh, target: server.Server, fleet: Fleet, console: Console, progress: Progress) -> None:
        self.mesh, self.server, self.fleet, self.rows = mesh, target, fleet, list[Row]()
        self._console, self._progress = console, progress

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar that is gone when the step is."""
        task = self._progress.add_task(label, total=total)
        yield lambda done: self._progress.update(task, completed=done)
        self._progress.remove_task(task)

    def record(self, step: str, started: float, cpu: float, note: str = "") -> None:
        """Takes the row of a step from the counters."""
        counts = [each.counts for each in self.fleet.envoys]
        times = sorted(c.last - started for c in counts if c.last) or [0.0]
        size = len(counts)
        self.rows.append(
            Row(
                step,
                self.server.cpu() - cpu,
                sum(c.bytes for c in counts) / size / 1e3,
                sum(c.messages for c in counts) / size,
                statistics.median(times),
                times[int(len(times) * 0.99) - 1 if len(times) > 1 else 0],
                times[-1],
                self.server.rss_mb(),
                note,
            )
        )

    async def change(self, step: str, edit: Callable[[], None], limit: float = 30.0) -> None:
        """One edit of the mesh, until everybody is quiet again."""
        self.fleet.reset()
        cpu, started = self.server.cpu(), time.monotonic()
        edit()
        with self.bar(step, 1):
            await self.fleet.quiet(QUIET, limit)
        self.record(step, started, cpu)

    async def connect(self, limit: float) -> None:
        """Everybody connects: first one of each class, so that the rest shows what one more proxy costs."""
        cpu, started = self.server.cpu(), time.monotonic()
        first, rest = Fleet(self.fleet.envoys[:20]), Fleet(self.fleet.envoys[20:])
        with self.bar("connect", len(self.fleet.envoys)) as show:
            first.start()
            await first.all_synced(limit, show)
            warm = self.server.cpu() - cpu
            rest.start()
            if not await rest.all_synced(limit, show):
                raise click.ClickException(f"not everybody was synced after {limit:.0f} s")
            await self.fleet.quiet(0.2, 10)
        self.fleet._tasks += first._tasks + rest._tasks
        self.record("connect", started, cpu, f"(first 20: {warm:.2f} s)")

    async def churn(self, per_second: int, seconds: float = 5.0) -> None:
        """Endpoint changes at a steady rate; the latency is that of the last one."""
        self.fleet.reset()
        cpu, started = self.server.cpu(), time.monotonic()
        with self.bar("endpoint churn", int(per_second * seconds)) as show:
            for number in range(int(per_second * seconds)):
                self.mesh.write_service(number % self.mesh.services, unready=number // self.mesh.services % 2 ^ 1)
                show(number)
                await asyncio.sleep(max(0.0, started + (number + 1) / per_second - time.monotonic()))
            last = time.monotonic()
            await self.fleet.quiet(QUIET, 30)
        self.record("endpoint churn", last, cpu, f"({per_second}/s)")

    async def restart(self, limit: float) -> None:
        """The server is killed and started again; everybody comes back at once."""
        self.fleet.reset()
        started = time.monotonic()
        for each in self.fleet.envoys:
            each.synced.clear()
        self.server.restart()
        with self.bar("reconnect", len(self.fleet.envoys)) as show:
            if not await self.fleet.all_synced(limit, show):
                raise click.ClickException(f"not everybody was back after {limit:.0f} s")
        self.record("reconnect storm", started, 0.0)


async def measure(run: Run, steps: tuple[str, ...], churn: int, limit: float) -> None:
    """All the steps, in an order in which none spoils the next."""
    await run.connect(limit)
    mesh, extra = run.mesh, run.mesh.services
    if "route change" in steps:
        await run.change("route change", lambda: mesh.write_routes(0, weight=10))
    if "endpoint flip" in steps:
        await run.change("endpoint flip", lambda: mesh.write_service(1, unready=1))
    if "endpoint churn" in steps:
        await run.churn(churn)
    if "service added" in steps:
        await run.change("service added", lambda: mesh.write_service(extra))
    if "policy change" in steps:
        await run.change("policy change", lambda: mesh.write_policy("STRICT"))
    if "restart" in steps and run.server.command:
        await run.restart(limit)
    await run.fleet.stop()


def loopback_only(address: str) -> str:
    """Raises: click.BadParameter for anything but a loopback address."""
    host = address.rpartition(":")[0].strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise click.BadParameter(f"only loopback addresses are loaded, got {host}")
    return address


def credentials(target: server.Server) -> grpc.ChannelCredentials:
    """TLS with a token of each proxy's own would cost the client more than the server: one shared root, no token."""
    root = (target.state_dir or pathlib.Path(".")) / "root-cert.pem"
    return grpc.ssl_channel_credentials(root.read_bytes())


@click.command()
@click.option("--services", default=200, show_default=True)
@click.option("--endpoints", default=2, show_default=True, help="per service")
@click.option("--proxies", default=100, show_default=True)
@click.option("--sotw", is_flag=True, help="state of the world instead of delta")
@click.option("--slow", default=0, help="how many read slowly (0.5 s a message)")
@click.option("--nack", default=0, help="how many refuse every cluster")
@click.option("--churn", default=10, show_default=True, help="endpoint changes a second")
@click.option("--step", "steps", multiple=True, type=click.Choice(STEPS), help="only these (default: all)")
@click.option("--limit", default=120.0, show_default=True, help="seconds until everybody must be synced")
@click.option("--address", callback=lambda _, __, v: v and loopback_only(v), help="another server's plaintext ADS port")
@click.option("--pid", type=int, help="its process")
@click.option("--config-dir", type=click.Path(path_type=pathlib.Path), help="the directory it reads")
@click.option("--json", "json_path", type=click.Path(path_type=pathlib.Path))
@click.option("--svg", "svg_path", type=click.Path(path_type=pathlib.Path))
def main(
    services: int,
    endpoints: int,
    proxies: int,
    sotw: bool,
    slow: int,
    nack: int,
    churn: int,
    steps: tuple[str, ...],
    limit: float,
    address: str | None,
    pid: int | None,
    config_dir: pathlib.Path | None,
    json_path: pathlib.Path | None,
    svg_path: pathlib.Path | None,
) -> None:
    """Measures what connecting and each kind of change cost a control plane."""
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="meshpilot-load-") as scratch,
        Progress(console=console, transient=True) as bars,
    ):
        work = pathlib.Path(scratch)
        mesh = Mesh(config_dir or work / "config", services, endpoints)
        mesh.write()
        target = server.Server(address, psutil.Process(pid)) if address and pid else server.start(mesh.root, work)
        envoys = [
            Envoy(
                target.address,
                *node_metadata(i),
                delta=not sotw,
                slow=0.5 if i < slow else 0.0,
                nack=slow <= i < slow + nack,
            )
            for i in range(proxies)
        ]
        run = Run(mesh, target, Fleet(envoys), console, bars)
        idle = target.rss_mb()
        try:
            uvloop.run(measure(run, steps or STEPS, churn, limit))
        finally:
            target.stop()
    report = Report(services, proxies, endpoints, "SotW" if sotw else "delta", calibration.factor(), run.rows)
    report.print(console)
    console.print(f"RSS idle {idle:.0f} MB; each further sidecar {(run.rows[0].rss_mb - idle) / proxies:.3f} MB")
    if json_path:
        json_path.write_text(report.to_json() + "\n")
    if svg_path:
        report.write_svg(svg_path)


if __name__ == "__main__":
    main()
