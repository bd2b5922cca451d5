"""`pilot-discovery --help-env`: the environment variables that are honoured.

In: the tables of settings. Out: rows of name, default and meaning. What is said of a variable is what the settings say
of the field that it sets. Reads no environment.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from enum import Enum
from itertools import pairwise
from typing import Any

from pilot import operating, settings
from pilot.environment import Table
from pilot.model.features import Features

_ALONE = {
    "PILOT_ENABLE_XDS_IDENTITY_CHECK": ("true", "A node must be who its credentials say."),
    "KUBECONFIG": ("", "The cluster that is read, where such a file exists."),
    "MESHPILOT_STATE_DIR": ("~/.local/state/meshpilot", "What must outlive a restart."),
}
"""Those that are in no table."""


def rows() -> Iterator[tuple[str, str, str]]:
    """Name, default, meaning; by name."""
    found = {name: (default, meaning) for table, owner in _tables() for name, default, meaning in _of(table, owner)}
    for name, (default, meaning) in sorted({**_ALONE, **found}.items()):
        yield name, default, meaning


def _tables() -> Iterator[tuple[Table, type[Any]]]:
    yield settings.FEATURES, Features
    yield settings.TUNING, settings.Tuning
    yield settings.CERTIFICATES, settings.Certificates
    yield settings.TOKEN_KEYS, settings.TokenKeys
    yield settings.WEBHOOK_SIDE, settings.Webhooks
    yield settings.KUBERNETES, settings.Kubernetes
    yield settings.REGISTRATIONS, settings.Registrations
    yield {name: (field, str) for name, field in settings.WEBHOOK_NAMES.items()}, settings.Kubernetes
    yield operating.DEBUG, operating.DebugSettings


def _of(table: Table, owner: type[Any]) -> Iterator[tuple[str, str, str]]:
    meanings, defaults = _meanings(owner), _defaults(owner)
    for name, (field, parse) in table.items():
        default = defaults.get(field)
        if isinstance(default, bool) and parse.__name__ == "_inverted":
            default = not default
        meaning = meanings.get(field, "").removeprefix(f"{name}: ").removeprefix(f"{name}; ")
        yield name, _shown(default), meaning or field.replace("_", " ").capitalize() + "."


def _defaults(owner: type[Any]) -> Mapping[str, object]:
    return {
        each.name: each.default_factory() if each.default_factory is not MISSING else each.default
        for each in fields(owner)
    }


def _meanings(owner: type[Any]) -> dict[str, str]:
    """What stands below each field in the source; nothing where there is no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    except (OSError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for before, each in pairwise(body):
        match before, each:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _shown(value: object) -> str:
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, tuple | frozenset):
        return ",".join(map(str, value))
    return str(value)
