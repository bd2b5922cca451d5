"""Options of an agent that tests vary."""

from pathlib import Path
from typing import Any

from pilot.agent.options import Address, AgentOptions


def options(directory: Path = Path("/nowhere"), **changes: Any) -> AgentOptions:
    """reviews-v1-a in default, everything on free ports."""
    same: dict[str, Any] = {
        "pod": "reviews-v1-a",
        "namespace": "default",
        "service_account": "bookinfo-reviews",
        "ip": "127.0.0.21",
        "labels": {"app": "reviews", "version": "v1"},
        "root": directory / "root-cert.pem",
        "run_dir": directory / "run",
        "admin": Address("127.0.0.1", 0),
        "concurrency": 1,
    }
    return AgentOptions(**same | changes)
