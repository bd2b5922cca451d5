"""What a workload logs, traces and counts: Telemetries that override each other and the mesh's defaults, as one answer.

In: what Telemetries say, in the order in which they override each other, and MeshConfig. Out: an `Observation`, for
each side of a connection. Does not know whether collectors can be reached. Source: xDS behaviour 4.6, 4.7, 7.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pilot.memo import memoized
from pilot.model.duration import Duration
from pilot.model.extension_provider import ExtensionProvider
from pilot.model.mesh import MeshConfig
from pilot.model.telemetry import (
    AccessLogging,
    IstioMetric,
    Metrics,
    MetricSelector,
    MetricsOverrides,
    ProviderRef,
    TagOperation,
    TelemetrySpec,
    TelemetryTag,
    Tracing,
    WorkloadMode,
)

_EVERYTHING = MetricSelector()
_METRICS = tuple(sorted(each.value for each in IstioMetric if each is not IstioMetric.ALL_METRICS))


@dataclass(frozen=True, slots=True)
class Log:
    """One access log."""

    provider: ExtensionProvider
    filter: str = ""
    """An expression (CEL); empty: everything is logged."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How requests are traced."""

    provider: ExtensionProvider | None
    """None: they are not."""
    sampling: float | None = None
    """Percent; None: as the proxy's settings say."""
    custom_tags: Mapping[str, TelemetryTag] | None = None
    """None: those of the proxy's settings."""
    use_request_id: bool = True
    istio_tags: bool = True


@dataclass(frozen=True, slots=True)
class MetricOverride:
    """What is different about one metric."""

    name: str
    """Of `IstioMetric`, or a custom one."""
    drop: bool
    tags: tuple[tuple[str, str], ...]
    """Names and expressions (CEL)."""
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The metrics of a provider."""

    provider: ExtensionProvider
    overrides: tuple[MetricOverride, ...] = ()
    reporting_interval: Duration | None = None


@dataclass(frozen=True, slots=True)
class ObservedSide:
    """What is observed on one side of connections."""

    logs: tuple[Log, ...] | None = None
    """By name of the provider; None: as MeshConfig says without providers."""
    trace: Trace | None = None
    """None: as MeshConfig says without providers."""
    statistics: tuple[Statistics, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What a workload observes as a client and as a server; compared by identity."""

    client: ObservedSide = field(default_factory=ObservedSide)
    server: ObservedSide = field(default_factory=ObservedSide)


@memoized(size=1024)
def observe(specs: tuple[TelemetrySpec, ...], mesh: MeshConfig) -> Observation:
    """What holds where these Telemetries do, later ones override."""
    return Observation(_side(specs, mesh, WorkloadMode.CLIENT), _side(specs, mesh, WorkloadMode.SERVER))


def _side(specs: Sequence[TelemetrySpec], mesh: MeshConfig, mode: WorkloadMode) -> ObservedSide:
    return ObservedSide(
        _logs([each.access_logging for each in specs if each.access_logging], mesh, mode),
        _trace([each for spec in specs for each in spec.tracing], mesh, mode),
        tuple(_statistics([each for spec in specs for each in spec.metrics], mesh, mode)),
    )


def find_provider(name: str, mesh: MeshConfig) -> ExtensionProvider | None:
    """The extension provider of that name, in capitals or not."""
    wanted = name.lower()
    return next((each for each in mesh.extension_providers if each.name.lower() == wanted), None)


def _names(providers: Iterable[ProviderRef]) -> tuple[str, ...]:
    return tuple(each.name for each in providers)


def _logs(
    declared: Sequence[tuple[AccessLogging, ...]], mesh: MeshConfig, mode: WorkloadMode
) -> tuple[Log, ...] | None:
    """An entry without providers acts on those of the entry before it, whatever the side of that one."""
    default = mesh.default_providers.access_logging
    if not declared:
        return _as_logs(dict.fromkeys(default, ""), mesh) if default else None
    wanted, filters = _wanted_logs(declared, default, mode)
    chosen: dict[str, str] = {}
    before = default
    for entry in (each for entries in declared for each in entries):
        before = _names(entry.providers) or before
        if not entry.mode.covers(mode):
            continue
        for name in before:
            if entry.disabled:
                chosen.pop(name, None)
            elif name in wanted:
                own = entry.filter.expression if entry.filter is not None else ""
                chosen[name] = own or filters.get(name, "")
    return _as_logs(chosen, mesh)


def _wanted_logs(
    declared: Sequence[tuple[AccessLogging, ...]], default: tuple[str, ...], mode: WorkloadMode
) -> tuple[frozenset[str], Mapping[str, str]]:
    """The providers that the last object with any names, and the filter that was last given to each."""
    wanted = frozenset(default)
    filters: dict[str, str] = {}
    for entries in declared:
        named: set[str] = set()
        for entry in entries:
            if entry.mode.covers(mode):
                named.update(_names(entry.providers))
                expression = entry.filter.expression if entry.filter is not None else ""
                filters.update(dict.fromkeys(_names(entry.providers), expression))
        wanted = frozenset(named) or wanted
    return wanted, filters


def _as_logs(chosen: Mapping[str, str], mesh: MeshConfig) -> tuple[Log, ...]:
    found = ((find_provider(name, mesh), chosen[name]) for name in sorted(chosen))
    return tuple(Log(provider, expression) for provider, expression in found if provider is not None)


def _trace(declared: Sequence[Tracing], mesh: MeshConfig, mode: WorkloadMode) -> Trace | None:
    default = mesh.default_providers.tracing
    if not declared and not default:
        return None
    provider = find_provider(default[0], mesh) if default else None
    disabled, sampling, tags, use_request_id, istio_tags = False, None, None, True, True
    for each in declared:
        if not each.mode.covers(mode):
            continue
        if each.providers:
            provider = find_provider(each.providers[0].name, mesh)
        disabled = disabled if each.disable_span_reporting is None else each.disable_span_reporting
        tags = each.custom_tags or tags
        given = each.random_sampling_percentage
        sampling = sampling if given is None else given
        by_id, own = each.use_request_id_for_trace_sampling, each.enable_istio_tags
        use_request_id = use_request_id if by_id is None else by_id
        istio_tags = istio_tags if own is None else own
    return Trace(None if disabled else provider, sampling, tags, use_request_id, istio_tags)


@dataclass(slots=True)
class _Counted:
    """A provider's metrics while entries are added."""

    interval: Duration | None = None
    off: bool = False
    drops: dict[str, bool] = field(default_factory=dict)
    tags: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By metric, then tag: its expression, None where it is removed."""


def _statistics(declared: Sequence[Metrics], mesh: MeshConfig, mode: WorkloadMode) -> Iterable[Statistics]:
    """Those of the providers that the last entry with any names."""
    wanted = default = mesh.default_providers.metrics
    for each in declared:
        wanted = _names(each.providers) or wanted
    counted: dict[str, _Counted] = {} if declared else {name: _Counted() for name in wanted}
    before = default
    for each in declared:
        before = _names(each.providers) or before
        for name in before:
            if name in wanted:
                made = counted.setdefault(name, _Counted())
                made.interval = each.reporting_interval or made.interval
                for override in each.overrides:
                    _override(made, override, mode)
    for name, made in counted.items():
        provider = find_provider(name, mesh)
        if provider is not None and not made.off:
            yield Statistics(provider, tuple(_overrides(made)), made.interval)


def _override(counted: _Counted, override: MetricsOverrides, mode: WorkloadMode) -> None:
    match = override.match or _EVERYTHING
    if not match.mode.covers(mode):
        return
    everything = not match.custom_metric and match.metric in (None, IstioMetric.ALL_METRICS)
    if everything and override.disabled:
        counted.off = True
        return
    counted.off = False
    if everything:
        names: Iterable[str] = _METRICS
    else:
        names = (match.custom_metric or str(match.metric),)
    for name in names:
        tags = counted.tags.setdefault(name, {})
        if override.disabled is not None:
            counted.drops[name] = override.disabled
        for tag, change in override.tag_overrides.items():
            tags[tag] = None if change.operation is TagOperation.REMOVE else change.value


def _overrides(counted: _Counted) -> Iterable[MetricOverride]:
    for name in sorted(counted.tags):
        tags = sorted(counted.tags[name].items())
        yield MetricOverride(
            name,
            counted.drops.get(name, False),
            tuple((tag, value) for tag, value in tags if value is not None),
            tuple(tag for tag, value in tags if value is None),
        )
