"""What a load run found: rows, as a table, as JSON and as an SVG picture, beside the recorded figures of istiod."""

import json
import pathlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

from rich import box
from rich.console import Console
from rich.table import Table

ISTIOD = {
    (200, 100): {
        "connect": (1.57, 583, 0.96),
        "route change": (0.29, 477, 0.375),
        "endpoint flip": (0.02, 0.5, 0.134),
        "service added": (0.41, 585, 0.453),
        "rss": 285,
    },
    (1000, 200): {
        "connect": (25.2, 2866, 15.6),
        "route change": (2.89, 2334, 2.43),
        "endpoint flip": (0.07, 0.5, 0.155),
        "service added": (3.8, 2868, 3.44),
        "rss": 497,
    },
}
"""istiod 1.29.1, delta ADS, two cores: CPU seconds for all sidecars, kB per sidecar, seconds to the last message."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step. CPU seconds are as measured; `factor` of the run says how to compare them."""

    step: str
    cpu_s: float
    proxies: int
    """Those that received anything."""
    kb_per_proxy: float
    messages_per_proxy: float
    p50_s: float
    p99_s: float
    last_s: float
    rss_mb: float
    lag_s: float
    """The event loop was never later than this; 0: not known."""


@dataclass(frozen=True, slots=True)
class Report:
    """A run: its size, the machine's calibration and the rows."""

    services: int
    proxies: int
    endpoints: int
    protocol: str
    factor: float
    idle_mb: float
    """RSS before anybody connected."""
    rows: Sequence[Row]

    @property
    def mb_per_proxy(self) -> float | None:
        """RSS of each further sidecar: what everybody but the first of each class added."""
        rows = [row for row in self.rows if row.step.startswith("connect")]
        if len(rows) != 2 or not rows[1].proxies:
            return None
        return (rows[1].rss_mb - rows[0].rss_mb) / rows[1].proxies

    def reference(self, step: str) -> tuple[float, float, float] | None:
        """istiod's (CPU seconds, kB per proxy, seconds to the last) for the step, where it was recorded."""
        found = ISTIOD.get((self.services, self.proxies), {}).get(step)
        return found if isinstance(found, tuple) else None

    def to_json(self) -> str:
        """Everything, with the ratios to istiod."""
        rows = []
        for row in self.rows:
            known = self.reference(row.step)
            rows.append({**asdict(row), "cpu_to_istiod": known and round(row.cpu_s / self.factor / known[0], 3)})
        return json.dumps({**asdict(self), "rows": rows}, indent=1)

    def print(self, console: Console) -> None:
        """A table for people."""
        title = (
            f"{self.services} services x {self.endpoints} endpoints, {self.proxies} {self.protocol} sidecars; "
            f"machine factor {self.factor:.2f}"
        )
        table = Table(title=title, box=box.SIMPLE, padding=(0, 1))
        heads = ("CPU s", "istiod", "kB each", "istiod", "msgs", "p50 s", "p99 s", "last s", "RSS MB", "lag ms")
        for name in ("step", *heads):
            table.add_column(name, justify="left" if name == "step" else "right", no_wrap=True)
        for row in self.rows:
            known = self.reference(row.step)
            cpu = f"{row.cpu_s / self.factor / known[0]:.0%}" if known else ""
            size = f"{row.kb_per_proxy / known[1]:.0%}" if known else ""
            table.add_row(
                row.step,
                f"{row.cpu_s:.3f}",
                cpu,
                f"{row.kb_per_proxy:.1f}",
                size,
                f"{row.messages_per_proxy:.1f}",
                f"{row.p50_s:.3f}",
                f"{row.p99_s:.3f}",
                f"{row.last_s:.3f}",
                f"{row.rss_mb:.0f}",
                f"<{row.lag_s * 1000:.0f}" if row.lag_s else "",
            )
        console.print(table)
        more = f", each further sidecar {self.mb_per_proxy:.3f} MB" if self.mb_per_proxy is not None else ""
        console.print(f"RSS before anybody came {self.idle_mb:.0f} MB{more}")

    def write_svg(self, path: pathlib.Path) -> None:
        """CPU seconds by step as bars, ours beside istiod's, on one scale for each step."""
        compared = [(row, known) for row in self.rows if (known := self.reference(row.step))]
        lines = []
        for number, (row, known) in enumerate(compared):
            top, ours = 40 + number * 56, row.cpu_s / self.factor
            longest = max(ours, known[0])
            for offset, (who, value, colour) in enumerate((("meshpilot", ours, "#2a7"), ("istiod", known[0], "#89a"))):
                y = top + 16 + offset * 16
                width = max(value / longest * 380, 1)
                lines.append(
                    f'<rect x="150" y="{y - 10}" width="{width:.1f}" height="12" fill="{colour}"/>'
                    f'<text x="145" y="{y}" text-anchor="end">{who}</text>'
                    f'<text x="{155 + width:.1f}" y="{y}">{value:.3f} s</text>'
                )
            lines.append(f'<text x="10" y="{top}" font-weight="bold">{escape(row.step)}</text>')
        head = f"CPU of the server, {self.services} services, {self.proxies} {self.protocol} sidecars"
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{50 + len(compared) * 56}" '
            f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="10" y="18" font-size="13">{escape(head)}</text>{"".join(lines)}</svg>\n'
        )
