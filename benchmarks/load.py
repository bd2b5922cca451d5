"""Simulates a fleet of Envoys against a control plane and measures what each kind of change costs.

    python -m benchmarks.load --services 200 --proxies 100                       # starts our server
    python -m benchmarks.load --address HOST:PORT --pid PID --config-dir DIR     # any other that reads DIR

Only loopback addresses are ever dialled. Every step ends by itself.
"""

import ipaddress
import pathlib
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import click
import grpc
import psutil
import uvloop
from rich.console import Console
from rich.progress import Progress

from benchmarks import calibration, server
from benchmarks.envoy import Envoy, Habits
from benchmarks.fleet import Fleet
from benchmarks.mesh import PORT, Mesh, node_metadata
from benchmarks.report import Report
from benchmarks.steps import Run, Unfinished
from ca.authn import local_issuer

STEPS = ("route change", "endpoint flip", "endpoint churn", "service added", "policy change", "restart")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for on the command line."""

    services: int = 200
    endpoints: int = 2
    proxies: int = 100
    classes: int = 20
    sotw: bool = False
    tls: bool = False
    idle: bool = False
    slow: int = 0
    nack: int = 0
    churn: int = 10
    steps: tuple[str, ...] = STEPS
    limit: float = 120.0

    def habits(self, target: server.Server) -> Iterator[Habits]:
        """Of each proxy."""
        usual = Habits(delta=not self.sotw, only=f"outbound|{PORT}||s1.ns-1.svc.cluster.local" if self.idle else "")
        if self.tls:
            assert target.state_dir is not None
            root = (target.state_dir / "root-cert.pem").read_bytes()
            usual = replace(usual, credentials=grpc.ssl_channel_credentials(root))
        issuer = local_issuer.load_or_create(target.state_dir) if self.tls and target.state_dir else None
        for index in range(self.proxies):
            _, metadata = node_metadata(index, self.classes)
            namespace, account = str(metadata["NAMESPACE"]), str(metadata["SERVICE_ACCOUNT"])
            yield replace(
                usual,
                slow=0.5 if index < self.slow else 0.0,
                nack=self.slow <= index < self.slow + self.nack,
                token=issuer.issue(namespace, account, local_issuer.LIFETIME, local_issuer.AUDIENCE) if issuer else "",
            )


async def measure(run: Run, plan: Plan) -> None:
    """All the steps, in an order in which none spoils the next."""
    mesh, extra = run.mesh, run.mesh.services
    try:
        await run.connect(plan.limit)
        if "route change" in plan.steps:
            await run.change("route change", lambda: mesh.write_routes(0, weight=10))
        if "endpoint flip" in plan.steps:
            await run.change("endpoint flip", lambda: mesh.write_service(1, unready=1))
        if "endpoint churn" in plan.steps:
            await run.churn(plan.churn)
        if "service added" in plan.steps:
            await run.change("service added", lambda: mesh.write_service(extra))
        if "policy change" in plan.steps:
            await run.change("policy change", lambda: mesh.write_policy("STRICT"))
        if "restart" in plan.steps and run.server.command:
            await run.restart(plan.limit)
    finally:
        await run.fleet.stop()


def perform(plan: Plan, target: server.Server, mesh: Mesh, bars: Progress) -> Report:
    """The whole run. Raises: Unfinished."""
    address = target.secure_address if plan.tls else target.address
    envoys = [
        Envoy(address, *node_metadata(index, plan.classes), habits) for index, habits in enumerate(plan.habits(target))
    ]
    idle = target.rss_mb()
    first = 0 if plan.idle else min(plan.classes, plan.proxies)
    run = Run(mesh, target, Fleet(envoys), first or 1, bars)
    uvloop.run(measure(run, plan))
    protocol = f"{'SotW' if plan.sotw else 'delta'}{' TLS' if plan.tls else ''}{' idle' if plan.idle else ''}"
    return Report(plan.services, plan.proxies, plan.endpoints, protocol, calibration.factor(), idle, run.rows)


def run_once(plan: Plan, bars: Progress) -> Report:
    """A run against a server of our own, started for it. Raises: Unfinished."""
    with tempfile.TemporaryDirectory(prefix="meshpilot-load-") as scratch:
        work = pathlib.Path(scratch)
        mesh = Mesh(work / "config", plan.services, plan.endpoints)
        mesh.write()
        target = server.start(mesh.root, work)
        try:
            return perform(plan, target, mesh, bars)
        finally:
            target.stop()


def allow_many_files() -> None:
    """A connection is a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def loopback_only(address: str) -> str:
    """Raises: click.BadParameter for anything but a loopback address."""
    host = address.rpartition(":")[0].strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise click.BadParameter(f"only loopback addresses are loaded, got {host}")
    return address


@click.command()
@click.option("--services", default=200, show_default=True)
@click.option("--endpoints", default=2, show_default=True, help="per service")
@click.option("--proxies", default=100, show_default=True)
@click.option("--classes", default=20, show_default=True, help="different workloads, a multiple of five")
@click.option("--sotw", is_flag=True, help="state of the world instead of delta")
@click.option("--tls", is_flag=True, help="on the secure port, each with a token of its own")
@click.option("--idle", is_flag=True, help="streams that ask for the endpoints of one service only")
@click.option("--slow", default=0, help="how many read slowly (0.5 s a message)")
@click.option("--nack", default=0, help="how many refuse every cluster")
@click.option("--churn", default=10, show_default=True, help="endpoint changes a second")
@click.option("--step", "steps", multiple=True, type=click.Choice(STEPS), default=STEPS, help="only these")
@click.option("--limit", default=120.0, show_default=True, help="seconds until everybody must be synced")
@click.option("--address", callback=lambda _, __, v: v and loopback_only(v), help="another server's plaintext ADS port")
@click.option("--pid", type=int, help="its process")
@click.option("--config-dir", type=click.Path(path_type=pathlib.Path), help="the directory it reads")
@click.option("--json", "json_path", type=click.Path(path_type=pathlib.Path))
@click.option("--svg", "svg_path", type=click.Path(path_type=pathlib.Path))
def main(
    address: str | None,
    pid: int | None,
    config_dir: pathlib.Path | None,
    json_path: pathlib.Path | None,
    svg_path: pathlib.Path | None,
    **options: object,
) -> None:
    """Measures what connecting and each kind of change cost a control plane."""
    plan, console = Plan(**options), Console(width=110)  # type: ignore[arg-type]  # click checked them
    allow_many_files()
    try:
        with Progress(console=console, transient=True) as bars:
            if address and pid and config_dir:
                mesh = Mesh(config_dir, plan.services, plan.endpoints)
                mesh.write()
                report = perform(plan, server.Server(address, psutil.Process(pid)), mesh, bars)
            else:
                report = run_once(plan, bars)
    except Unfinished as error:
        raise click.ClickException(str(error)) from error
    report.print(console)
    if json_path:
        json_path.write_text(report.to_json() + "\n")
    if svg_path:
        report.write_svg(svg_path)


if __name__ == "__main__":
    main()
