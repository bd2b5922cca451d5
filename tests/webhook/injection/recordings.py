"""What `istioctl kube-inject` and the webhook of the real istiod made of pods: the recordings beside the checkout."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.shared import shared_path
from webhook.injection import yaml_text
from webhook.injection.configuration import InjectorConfig, parse_config, parse_values
from webhook.injection.documents import DocumentInjection, inject_document, offline
from webhook.injection.inject import Installation
from webhook.injection.mesh import parse_mesh


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of kube-inject; `expected` is None where it failed."""

    name: str
    directory: Path
    case: dict[str, Any]

    @property
    def documents(self) -> list[Any]:
        """What went in."""
        return documents(self.directory / "in.yaml")

    @property
    def expected(self) -> list[Any] | None:
        """What came out."""
        path = self.directory / "out.yaml"
        return documents(path) if path.exists() else None

    def file(self, key: str) -> Path:
        """One of its configuration files."""
        return (self.directory / str(self.case[key])).resolve()

    def installation(self, config: InjectorConfig | None = None) -> Installation:
        """What was configured, or with another injector's configuration."""
        found = config or read_config(self.file("config"))
        values = parse_values(self.file("values").read_text())
        return Installation(found, values, parse_mesh(self.file("mesh").read_text()), self.case["revision"])

    def inject(self, config: InjectorConfig | None = None, warnings: list[str] | None = None) -> list[Any]:
        """What we make of it."""
        native = self.case["env"].get("ENABLE_NATIVE_SIDECARS") == "true"
        warn = warnings.append if warnings is not None else (lambda text: None)
        injection = DocumentInjection(offline(self.installation(config)), native, warn)
        return [inject_document(each, injection) for each in self.documents]


def documents(path: Path) -> list[Any]:
    """The documents of a file, empty ones left out."""
    return [each for each in yaml_text.load_all(path.read_text()) if each is not None]


@cache
def read_config(path: Path) -> InjectorConfig:
    """A parsed injector configuration."""
    return parse_config(path.read_text())


@cache
def recordings() -> list[Recording]:
    """All runs of kube-inject. Skips where there are none."""
    root = shared_path("aux", "inject")
    paths = sorted(root.glob("*/case.yaml"))
    assert paths
    return [Recording(path.parent.name, path.parent, yaml.safe_load(path.read_text())) for path in paths]


def reviews() -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Names, directory and contents of recorded reviews. Skips where there are none."""
    root = shared_path("aux", "inject")
    for path in sorted(root.glob("review-*.json")):
        yield path.stem, root, json.loads(path.read_text())


def as_data(value: Any) -> Any:
    """With JSON inside of strings read."""
    if isinstance(value, dict):
        return {key: as_data(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_data(each) for each in value]
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return ["json", as_data(json.loads(value))]
        except ValueError:
            return value
    return value


def unordered(value: Any) -> Any:
    """As data, with the order of variables, volumes and mounts forgotten, and volumes by name only."""
    if isinstance(value, dict):
        done = {key: unordered(each) for key, each in value.items()}
        for key in ("env", "volumeMounts"):
            if isinstance(done.get(key), list):
                done[key] = sorted(done[key], key=lambda each: json.dumps(each, sort_keys=True))
        if isinstance(done.get("volumes"), list):
            done["volumes"] = sorted(each["name"] if isinstance(each, dict) else each for each in done["volumes"])
        return done
    if isinstance(value, list):
        return [unordered(each) for each in value]
    return value
