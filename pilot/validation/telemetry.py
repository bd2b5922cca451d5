"""Telemetry: what proxies log, trace and count.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (Telemetry).
"""

from collections.abc import Sequence

from pilot.model.decoding import Path
from pilot.model.telemetry import (
    AccessLogging,
    Metrics,
    MetricsOverrides,
    ProviderRef,
    TagOperation,
    Telemetry,
    TelemetryTag,
    Tracing,
)
from pilot.validation import forms
from pilot.validation.cel import expression_fault
from pilot.validation.finding import Finding, Findings, note, refused_if


def telemetry(checked: Telemetry) -> Findings:
    """Everything that is wrong with a Telemetry."""
    spec = checked.spec
    labels = spec.selector.match_labels if spec.selector is not None else None
    yield from forms.selector(labels, ("spec", "selector", "matchLabels"))
    yield from forms.targets(spec.target_refs, spec.target_ref, spec.selector is not None)
    if len(spec.tracing) > 1:
        yield note(("spec", "tracing"), "multiple tracing is not currently supported")
    for index, tracing in enumerate(spec.tracing):
        yield from _tracing(tracing, ("spec", "tracing", index))
    for index, metrics in enumerate(spec.metrics):
        yield from _metrics(metrics, ("spec", "metrics", index))
    for index, logging in enumerate(spec.access_logging):
        yield from _access_logging(logging, ("spec", "accessLogging", index))


def _providers(providers: Sequence[ProviderRef], path: Path) -> Findings:
    for index, provider in enumerate(providers):
        if not provider.name:
            yield Finding((*path, "providers", index, "name"), "expected the name of a provider, got nothing")


def _tracing(tracing: Tracing, path: Path) -> Findings:
    yield from _providers(tracing.providers, path)
    if len(tracing.providers) > 1:
        yield note((*path, "providers"), "multiple providers is not currently supported")
    percentage = tracing.random_sampling_percentage
    if percentage is not None and not 0 <= percentage <= 100:
        yield Finding((*path, "randomSamplingPercentage"), f"expected a percentage from 0 to 100, got {percentage:g}")
    for name, tag in tracing.custom_tags.items():
        place: Path = (*path, "customTags", name)
        if not name:
            yield Finding(place, "expected the name of a tag, got nothing")
        yield from _tag(tag, place)


def _tag(tag: TelemetryTag, path: Path) -> Findings:
    if tag.literal is not None and not tag.literal.value:
        yield Finding((*path, "literal", "value"), "expected a value, got nothing")
    if tag.header is not None and not tag.header.name:
        yield Finding((*path, "header", "name"), "expected the name of a header, got nothing")
    if tag.environment is not None and not tag.environment.name:
        yield Finding((*path, "environment", "name"), "expected the name of a variable, got nothing")
    if tag.formatter is not None and not tag.formatter.value:
        yield Finding((*path, "formatter", "value"), "expected a value, got nothing")


def _metrics(metrics: Metrics, path: Path) -> Findings:
    yield from _providers(metrics.providers, path)
    for index, override in enumerate(metrics.overrides):
        yield from _override(override, (*path, "overrides", index))


def _override(override: MetricsOverrides, path: Path) -> Findings:
    if override.match is not None and override.match.custom_metric == "":
        yield Finding((*path, "match", "customMetric"), "expected the name of a metric, got nothing")
    for name, tag in override.tag_overrides.items():
        place: Path = (*path, "tagOverrides", name)
        if not name:
            yield note(place, "expected the name of a tag, got nothing")
        if tag.operation is TagOperation.UPSERT and not tag.value:
            yield Finding((*place, "value"), "expected an expression with operation UPSERT, got nothing")
        if tag.operation is TagOperation.REMOVE and tag.value:
            yield Finding((*place, "value"), "expected nothing with operation REMOVE")


def _access_logging(logging: AccessLogging, path: Path) -> Findings:
    yield from _providers(logging.providers, path)
    if logging.filter is not None:
        yield from refused_if((*path, "filter", "expression"), expression_fault(logging.filter.expression))
