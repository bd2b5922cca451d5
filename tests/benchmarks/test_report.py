"""What a run found: ratios to istiod and to the machine, and all three ways to show it."""

import io
import json
import pathlib

import pytest
from rich.console import Console

from benchmarks.report import ISTIOD, Report, Row


def row(step: str, cpu: float = 0.1, rss: float = 100.0, proxies: int = 100) -> Row:
    return Row(step, cpu, proxies, 96.0, 1.0, 0.1, 0.2, 0.25, rss, 0.02)


def report(*rows: Row, factor: float = 2.0, services: int = 200) -> Report:
    return Report(services, 100, 2, "delta", factor, 90.0, rows)


def test_cpu_is_compared_after_the_machine_is_taken_out() -> None:
    made = json.loads(report(row("route change", cpu=0.29), row("policy change")).to_json())

    assert made["rows"][0]["cpu_to_istiod"] == 0.5  # a machine half as fast needs 0.29 s for what takes 0.145 s there
    assert made["rows"][1]["cpu_to_istiod"] is None, "nothing was recorded of it"
    assert made["factor"] == 2.0


def test_a_size_that_was_not_recorded_has_no_reference() -> None:
    assert report(services=300).reference("route change") is None
    assert report().reference("route change") == ISTIOD[200, 100]["route change"]
    assert report().reference("rss") is None, "it is not a step"


def test_each_further_sidecar_is_what_the_second_connect_added() -> None:
    first, second = row("connect, 20 classes", rss=110, proxies=20), row("connect", rss=118, proxies=80)

    assert report(first, second).mb_per_proxy == pytest.approx(0.1)
    assert report(second).mb_per_proxy is None


def test_the_table_has_a_line_for_each_step() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    report(row("connect"), row("endpoint flip")).print(console)
    text = console.export_text()

    assert "machine factor 2.00" in text
    assert "connect" in text
    assert "endpoint flip" in text
    assert "RSS before anybody came 90 MB" in text


def test_the_picture_has_a_pair_of_bars_for_each_step_that_was_recorded(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "bars.svg"
    report(row("route change"), row("policy change")).write_svg(path)
    text = path.read_text()

    assert text.startswith("<svg ")
    assert text.count('fill="#2a7"') == text.count('fill="#89a"') == 1
    assert "policy change" not in text
