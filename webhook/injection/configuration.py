"""The two keys of the ConfigMap `istio-sidecar-injector`: `config` (policy and templates) and `values`.

Comes in: their text. Goes out: `InjectorConfig`, with every template parsed, and the values as plain data. Does not
watch anything: whoever loads them keeps the last good ones. Source: injection behaviour 2.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from webhook.injection.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class InjectorConfig:
    """Policy, templates and selectors; `templates` by name."""

    policy: str = "enabled"
    default_templates: tuple[str, ...] = ("sidecar",)
    templates: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    never_inject_selector: tuple[Mapping[str, Any], ...] = ()
    always_inject_selector: tuple[Mapping[str, Any], ...] = ()
    injected_annotations: Mapping[str, str] = field(default_factory=dict)


def parse_config(text: str) -> InjectorConfig:
    """Key `config`, YAML. Raises: ConfigurationError, naming the template that does not parse."""
    raise NotImplementedError


def parse_values(text: str) -> dict[str, Any]:
    """Key `values`, JSON or YAML. Raises: ConfigurationError."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"values are neither JSON nor YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"values: expected a mapping, got {type(values).__name__}")
    return values
