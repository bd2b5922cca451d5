"""`pilot-discovery --help-env`: the environment variables that are honoured, and those of istiod that are not.

In: the tables of settings, what is said of each variable. Out: rows. Reads no environment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from enum import Enum
from typing import Any

from pilot import operating, settings, switches, unsupported
from pilot.cli.environment_texts import TEXTS
from pilot.environment import Table
from pilot.model.features import Features

_TOLD = {
    "PILOT_ENABLE_XDS_IDENTITY_CHECK": "true",
    "KUBECONFIG": "",
    "MESHPILOT_STATE_DIR": "~/.local/state/meshpilot",
    "MESHPILOT_WARM_START": "where --stateDir outlives a restart",
    "ENABLE_NATIVE_SIDECARS": "auto",
    "POD_NAME": "the host's name",
    "ROOT_CA_DIR": "./etc/cacerts",
}
"""Defaults that no table has, or that are found out at the start."""


def rows() -> Iterator[tuple[str, str, str]]:
    """Name, default, meaning; by name."""
    found = dict(pair for table, owner in _tables() for pair in _of(table, owner))
    for name, default in sorted({**found, **_TOLD}.items()):
        yield name, default, TEXTS[name]


def without_effect() -> Iterator[tuple[str, str]]:
    """Name and reason of variables that istiod has and nothing reads here; by name."""
    fixed = {name: f"As if it were {only}. {reason}" for name, (only, reason) in unsupported.ONLY.items()}
    yield from sorted({**unsupported.WITHOUT_EFFECT, **fixed}.items())


def _tables() -> Iterator[tuple[Table, type[Any]]]:
    yield switches.FEATURES, Features
    yield settings.TUNING, settings.Tuning
    yield settings.CERTIFICATES, settings.Certificates
    yield settings.TOKEN_KEYS, settings.TokenKeys
    yield settings.WEBHOOK_SIDE, settings.Webhooks
    yield settings.KUBERNETES, settings.Kubernetes
    yield settings.REGISTRATIONS, settings.Registrations
    yield {name: (field, str) for name, field in settings.WEBHOOK_NAMES.items()}, settings.Kubernetes
    yield operating.DEBUG, operating.DebugSettings


def _of(table: Table, owner: type[Any]) -> Iterator[tuple[str, str]]:
    defaults = _defaults(owner)
    for name, (field, parse) in table.items():
        default = defaults[field]
        inverted = getattr(parse, "__name__", "") == "_inverted"
        yield name, _shown(not default if inverted else default)


def _defaults(owner: type[Any]) -> Mapping[str, object]:
    return {
        each.name: each.default_factory() if each.default_factory is not MISSING else each.default
        for each in fields(owner)
    }


def _shown(value: object) -> str:
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, timedelta):
        return _length(value)
    if isinstance(value, tuple | frozenset):
        return ",".join(map(str, value))
    return str(value)


def _length(value: timedelta) -> str:
    """In the largest unit that has no fraction: `100ms`, `20m`, `24h`."""
    milliseconds = value // timedelta(milliseconds=1)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"
