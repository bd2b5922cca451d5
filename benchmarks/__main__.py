"""The standard tables: `python -m benchmarks`, or `make bench`. Some five minutes; a server of its own for each run."""

import pathlib

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks import hot_paths
from benchmarks.load import Plan, allow_many_files, run_once
from benchmarks.steps import Unfinished

PLANS = (
    Plan(services=200, proxies=100),
    Plan(services=200, proxies=100, tls=True, steps=("route change",)),
    Plan(services=1000, proxies=200),
)
LARGE = (
    Plan(services=1000, endpoints=20, proxies=2000, classes=50),
    Plan(services=200, proxies=5000, idle=True, steps=("endpoint flip",)),
)


@click.command()
@click.option("--large", is_flag=True, help="also 2,000 sidecars and 5,000 idle streams")
@click.option("--json", "json_dir", type=click.Path(path_type=pathlib.Path), help="a directory for the figures")
def main(large: bool, json_dir: pathlib.Path | None) -> None:
    """Measures a control plane of our own under simulated fleets."""
    console = Console(width=110)
    allow_many_files()
    for number, plan in enumerate((*PLANS, *LARGE) if large else PLANS, 1):
        try:
            with Progress(console=console, transient=True) as bars:
                report = run_once(plan, bars)
        except Unfinished as error:
            raise click.ClickException(str(error)) from error
        report.print(console)
        if json_dir:
            json_dir.mkdir(parents=True, exist_ok=True)
            (json_dir / f"load-{number}.json").write_text(report.to_json() + "\n")
    hot_paths.measure(console)


if __name__ == "__main__":
    main()
