"""Settings of what operators look at: debug pages, ControlZ, logs.

In: flags and environment. Out: a frozen `Operating`. Source: operations 3.1, 4, 6, 7.2, 11.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pilot.environment import Table, parse_bool, parse_list, read

NO_PORT: Final = 0


@dataclass(frozen=True, slots=True)
class DebugSettings:
    """Who may see debug pages."""

    enabled: bool = True
    """Off, there are no debug pages at all."""
    by_namespace: bool = True
    """The caller's namespace decides what it sees."""
    allowed: tuple[str, ...] = ()
    """Namespaces that see what the root namespace sees."""
    unsafe: bool = False
    """Pages that do harm are there."""
    local_metrics: bool = False
    """Metrics are for this machine only."""
    tells_patches: bool = False
    """Metrics say what each patch of an EnvoyFilter did."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where log lines go, and what is in them."""

    targets: tuple[str, ...] = ("stdout",)
    """`stdout`, `stderr` or files."""
    stack_trace_level: str = ""
    """`scope:level,...`: records from which level on bring a stack trace."""
    callers: str = ""
    """Scopes whose lines tell where in the program they come from."""


@dataclass(frozen=True, slots=True)
class Operating:
    """All of it."""

    debug: DebugSettings = DebugSettings()
    logs: LogSettings = LogSettings()
    controlz_port: int = 9876
    """Zero: not at all."""
    controlz_address: str = "localhost"
    pod_name: str = ""
    """Who we say we are."""


DEBUG: Final[Table] = {
    "ENABLE_DEBUG_ON_HTTP": ("enabled", parse_bool),
    "ENABLE_DEBUG_ENDPOINT_AUTH": ("by_namespace", parse_bool),
    "DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES": ("allowed", parse_list),
    "UNSAFE_ENABLE_ADMIN_ENDPOINTS": ("unsafe", parse_bool),
    "METRICS_LOCALHOST_ACCESS_ONLY": ("local_metrics", parse_bool),
    "PILOT_ENVOY_FILTER_STATS": ("tells_patches", parse_bool),
}


def operating_from(given: Mapping[str, Any], environ: Mapping[str, str], warnings: list[str]) -> Operating:
    """From flags (by name, those that were given) and environment."""
    logs = {
        "targets": given.get("log_targets") or None,
        "stack_trace_level": given.get("log_stack_trace_level"),
        "callers": given.get("log_callers"),
    }
    values = {"controlz_port": given.get("controlz_port"), "controlz_address": given.get("controlz_address")}
    return Operating(
        debug=DebugSettings(**read(DEBUG, environ, warnings)),
        logs=LogSettings(**{name: value for name, value in logs.items() if value is not None}),
        pod_name=environ.get("POD_NAME") or socket.gethostname(),
        **{name: value for name, value in values.items() if value is not None},
    )
