"""The two keys of the ConfigMap `istio-sidecar-injector`: `config` (policy and templates) and `values`.

Comes in: their text. Goes out: `InjectorConfig`, with every template parsed, and the values as plain data. Does not
watch anything: whoever loads them keeps the last good ones. Source: injection behaviour 2.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.gotemplate.errors import TemplateError
from webhook.gotemplate.template import Template, parse_template
from webhook.injection import selectors, yaml_text
from webhook.injection.errors import ConfigurationError
from webhook.injection.functions import build_functions


@dataclass(frozen=True, slots=True)
class InjectorConfig:
    """Policy, templates and selectors; `templates` by name."""

    policy: str = "enabled"
    default_templates: tuple[str, ...] = ("sidecar",)
    templates: Mapping[str, Template] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    never_inject_selector: tuple[Mapping[str, Any], ...] = ()
    always_inject_selector: tuple[Mapping[str, Any], ...] = ()
    injected_annotations: Mapping[str, str] = field(default_factory=dict)


def parse_config(text: str, environment: Mapping[str, str] | None = None) -> InjectorConfig:
    """Key `config`, YAML; templates see this environment by `env`.

    Raises: ConfigurationError, naming the template that does not parse: one bad template refuses all of it.
    """
    data = _mapping(text, "injector configuration")
    return InjectorConfig(
        policy=str(data.get("policy") or ""),
        default_templates=tuple(_texts(data, "defaultTemplates")) or ("sidecar",),
        templates=parse_templates(data.get("templates") or {}, environment),
        aliases={str(name): tuple(map(str, each or [])) for name, each in (data.get("aliases") or {}).items()},
        never_inject_selector=_selectors(data, "neverInjectSelector"),
        always_inject_selector=_selectors(data, "alwaysInjectSelector"),
        injected_annotations={str(name): str(each) for name, each in (data.get("injectedAnnotations") or {}).items()},
    )


def parse_templates(texts: Mapping[str, str], environment: Mapping[str, str] | None = None) -> dict[str, Template]:
    """Templates by name. Raises: ConfigurationError."""
    functions = build_functions(environment or {})
    parsed = {}
    for name, text in texts.items():
        try:
            parsed[str(name)] = parse_template("inject", str(text), functions)
        except TemplateError as error:
            raise ConfigurationError(f"template {name!r}: {error}") from error
    return parsed


def parse_values(text: str) -> dict[str, Any]:
    """Key `values`, JSON or YAML; numbers are floats, as JSON has them. Raises: ConfigurationError."""
    values: dict[str, Any] = _with_floats(_mapping(text, "values"))
    return values


def _mapping(text: str, what: str) -> dict[str, Any]:
    try:
        data = yaml_text.load(text)
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{what}: expected a mapping, got {type(data).__name__}")
    return data


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_floats(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _texts(data: dict[str, Any], key: str) -> list[str]:
    found = data.get(key) or []
    if not isinstance(found, list):
        raise ConfigurationError(f"{key}: expected a list, got {found!r}")
    return [str(each) for each in found]


def _selectors(data: dict[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    found = data.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ConfigurationError(f"{key}: expected a list of label selectors, got {found!r}")
    for each in found:
        try:
            selectors.matches(each, {})
        except (ValueError, AttributeError) as error:
            raise ConfigurationError(f"{key}: {error}") from error
    return tuple(found)
