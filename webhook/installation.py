"""What injection is configured with, as it is now.

In: a directory with `config` and `values`, else the ConfigMap `istio-sidecar-injector` of a cluster, which has the same
keys; and the mesh configuration. Out: an `Installation`; changes are taken over while running, and where something does
not parse the last good one stays. Source: injection behaviour 2.6.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from webhook.injection.configuration import InjectorConfig, parse_config, parse_values
from webhook.injection.errors import ConfigurationError
from webhook.injection.inject import Installation
from webhook.injection.mesh import parse_mesh

LOOK = timedelta(seconds=1)
"""Between two looks: cheap for three files, and follows what Kubernetes renames in mounted volumes."""

_log = logging.getLogger("injection")


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look. `directory` need not exist: then `standing` takes its place, if there is one."""

    directory: Path
    mesh: Path
    revision: str = ""
    platform: str = ""
    compliance_policy: str = ""
    environment: Mapping[str, str] | None = None
    """What templates see by `env`."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Both keys of a ConfigMap."""

    config: str
    values: str


class InjectionFiles:
    """The installation in force. Files win over a cluster, and that wins over what stands in for both."""

    def __init__(
        self, places: Places, standing: Callable[[], tuple[InjectorConfig, Mapping[str, Any]]] | None = None
    ) -> None:
        """`standing`: configuration and values where there have never been files with others."""
        self._places = places
        self._standing = standing
        self._offered: Texts | None = None
        self._waits = False
        self._mesh: Callable[[], str] | None = None
        self._seen: object = None
        self.installation: Installation | None = None
        """None while there is no configuration that could be used."""

    def follow_cluster(self, mesh: Callable[[], str]) -> None:
        """A ConfigMap will be offered, nothing stands in for it meanwhile; `mesh`: the mesh configuration, any time."""
        self._waits, self._mesh = True, mesh

    def offer(self, texts: Texts | None) -> None:
        """What a cluster's ConfigMap says now; None: there is none. Counts from the next look on."""
        self._waits, self._offered = False, texts

    async def serve_changes(self) -> None:
        """Follows the files for ever; ends only by cancellation."""
        while True:
            await asyncio.sleep(LOOK.total_seconds())
            await asyncio.to_thread(self.reload)

    def reload(self) -> bool:
        """Looks once; whether something else is in force now. Never raises for what is wrong with the files."""
        config, values = self._places.directory / "config", self._places.directory / "values"
        mesh = self._mesh_text()
        seen = (_signature(config), _signature(values), mesh, self._offered, self._waits)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            found = self._load(config, values, mesh)
        except (ConfigurationError, OSError, UnicodeDecodeError) as error:
            kept = "the last good one stays" if self.installation is not None else "no pod is injected"
            _log.error(f"injector configuration in {self._places.directory}: {error}; {kept}")
            return False
        if found is None:
            return False
        self.installation = found
        _log.info(f"injector configuration is in force: templates {', '.join(sorted(found.config.templates))}")
        return True

    def _mesh_text(self) -> str:
        """The mesh configuration; empty where there is none that can be read."""
        if self._mesh is not None:
            return self._mesh()
        try:
            return self._places.mesh.read_text()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            _log.error(f"{self._places.mesh}: cannot be read: {error}")
            return ""

    def _load(self, config: Path, values: Path, mesh: str) -> Installation | None:
        given: Mapping[str, Any] = {}
        if config.is_file():
            parsed = parse_config(config.read_text(), self._places.environment)
        elif self._offered is not None:
            parsed = parse_config(self._offered.config, self._places.environment)
            given = parse_values(self._offered.values)
        elif self.installation is not None:
            parsed, given = self.installation.config, self.installation.values
        elif self._standing is not None and not self._waits:
            parsed, given = self._standing()
        else:
            return None
        return Installation(
            config=parsed,
            values=parse_values(values.read_text()) if values.is_file() else given,
            mesh=parse_mesh(mesh),
            revision=self._places.revision,
            platform=self._places.platform,
            compliance_policy=self._places.compliance_policy,
        )


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
