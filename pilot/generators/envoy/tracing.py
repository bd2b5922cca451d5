"""Tracing of HTTP connection managers: which requests, with which tags, to whom.

In: what names the workload, what is observed, MeshConfig, ProxyConfig. Out: a serialized
`HttpConnectionManager.Tracing`, empty where there is no tracing. Source: xDS behaviour 4.6, appendix A.17.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey, MetadataKind
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy.operators import operator_error
from pilot.generators.envoy.tracers import build_tracer
from pilot.generators.envoy.wire import serialize
from pilot.model import proxy_config
from pilot.model.authorization_values import is_header_name
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.observation import Trace
from pilot.model.telemetry import TelemetryTag
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour, ProxyKind, Traits

_PathSegment = MetadataKey.PathSegment
_ALWAYS: Final = Percent(value=100)
_FORMATTED_TAGS: Final = (1, 37)
"""The oldest stock Envoy that has tags with formats."""


class WorkloadTags(NamedTuple):
    """What every span says of the proxy; part of cache keys by value."""

    canonical_revision: str
    canonical_service: str
    cluster_id: str
    mesh_id: str
    namespace: str
    service_name: str = ""
    """What tracers call the workload, where they are told; no tag."""


NO_TAGS: Final = WorkloadTags("", "", "", "", "")
_TAGGED: Final = WorkloadTags._fields[:5]


def _dry_run(policy: str, what: str, key: str) -> Any:
    return CustomTag(
        tag=f"istio.authorization.dry_run.{policy}_policy.{what}",
        metadata=CustomTag.Metadata(
            kind=MetadataKind(request=MetadataKind.Request()),
            metadata_key=MetadataKey(
                key="envoy.filters.http.rbac", path=[_PathSegment(key=f"istio_dry_run_{policy}_shadow_{key}")]
            ),
        ),
    )


_DRY_RUN: Final = tuple(
    _dry_run(policy, what, key)
    for policy in ("allow", "deny")
    for what, key in (("name", "effective_policy_id"), ("result", "engine_result"))
)
_PEER_FIELDS: Final = {
    "app": "app",
    "app_version": "version",
    "canonical_revision": "revision",
    "canonical_service": "service",
    "cluster_id": "cluster",
    "instance_name": "name",
    "namespace": "namespace",
    "workload": "workload",
    "workload_type": "type",
}


def build_tracing(
    tags: WorkloadTags,
    observed: Observed,
    trace: Trace | None,
    mesh: MeshConfig,
    config: proxy_config.ProxyConfig,
    features: Features,
    traits: Traits,
) -> bytes:
    """The tracing of a connection manager; `trace` is that of its side."""
    settings = config.tracing or proxy_config.Tracing()
    if trace is None:
        return _without_provider(tags, settings, mesh, features, traits)
    provider = trace.provider
    tracer = build_tracer(provider, observed, traits.flavour, tags.service_name) if provider is not None else None
    if tracer is None:
        return b""
    sampling = _percent(trace.sampling) if trace.sampling is not None else _sampling(settings, features)
    own = trace.custom_tags or settings.custom_tags
    tracing = HttpConnectionManager.Tracing(
        client_sampling=_ALWAYS,
        overall_sampling=_ALWAYS,
        random_sampling=_ALWAYS if tracer.samples else Percent(value=sampling),
        custom_tags=_custom_tags(tags, own, traits, istio_tags=trace.istio_tags),
        provider=tracer.provider,
    )
    _set_length(tracing, tracer.max_tag_length or settings.max_path_tag_length)
    at_gateway = traits.kind is ProxyKind.ROUTER and features.spawn_upstream_span_for_gateway
    if tracer.spawns_span or at_gateway:
        tracing.spawn_upstream_span.CopyFrom(BoolValue(value=True))
    return serialize(tracing)


def _without_provider(
    tags: WorkloadTags, settings: proxy_config.Tracing, mesh: MeshConfig, features: Features, traits: Traits
) -> bytes:
    """To the tracer of the proxy's bootstrap, where the mesh does not turn that off."""
    if not mesh.enable_tracing:
        return b""
    istio_tags = settings.enable_istio_tags is not False
    tracing = HttpConnectionManager.Tracing(
        client_sampling=_ALWAYS,
        overall_sampling=_ALWAYS,
        random_sampling=Percent(value=_sampling(settings, features)),
        custom_tags=_custom_tags(tags, settings.custom_tags, traits, istio_tags=istio_tags),
    )
    _set_length(tracing, settings.max_path_tag_length)
    return serialize(tracing)


def _sampling(settings: proxy_config.Tracing, features: Features) -> float:
    return _percent(settings.sampling or features.trace_sampling)


def _percent(value: float) -> float:
    """Envoy refuses what is none."""
    return min(max(value, 0.0), 100.0)


def _set_length(tracing: Any, length: int) -> None:
    if length:
        tracing.max_path_tag_length.CopyFrom(UInt32Value(value=length))


def _custom_tags(
    tags: WorkloadTags,
    own: Mapping[str, proxy_config.CustomTag] | Mapping[str, TelemetryTag],
    traits: Traits,
    *,
    istio_tags: bool,
) -> list[Any]:
    """Those of the user, of the ends at waypoints and, unless they are not wanted, of dry runs and of the workload."""
    made: list[Any] = []
    if istio_tags:
        made.extend(_DRY_RUN)
        made.extend(
            CustomTag(tag=f"istio.{name}", literal=CustomTag.Literal(value=value))
            for name, value in zip(_TAGGED, tags[:5], strict=True)
            if value
        )
    if traits.kind is ProxyKind.WAYPOINT and _has_formats(traits.flavour):
        made.extend(_peer_tags())
    found = (_user_tag(name, tag, traits.flavour) for name, tag in own.items())
    made.extend(each for each in found if each is not None)
    return sorted(made, key=lambda each: str(each.tag))


def _peer_tags() -> list[Any]:
    """What a waypoint knows of both ends."""
    ends = (("source", "downstream"), ("destination", "upstream"))
    return [
        CustomTag(tag=f"istio.{end}_{name}", value=f"%FILTER_STATE({side}_peer_obj:FIELD:{field})%")
        for end, side in ends
        for name, field in _PEER_FIELDS.items()
    ]


def _has_formats(flavour: Flavour) -> bool:
    return not flavour.is_stock or flavour.envoy_version[:2] >= _FORMATTED_TAGS


def _user_tag(name: str, tag: proxy_config.CustomTag | TelemetryTag, flavour: Flavour) -> Any | None:
    """A tag; None where this Envoy would refuse it, and all listeners with it."""
    if not name:
        return None
    if tag.environment:
        source = tag.environment
        variable = CustomTag.Environment(name=source.name, default_value=source.default_value)
        return CustomTag(tag=name, environment=variable) if source.name else None
    if tag.header:
        header = CustomTag.Header(name=tag.header.name, default_value=tag.header.default_value)
        return CustomTag(tag=name, request_header=header) if is_header_name(tag.header.name) else None
    if isinstance(tag, TelemetryTag) and tag.formatter:
        value = tag.formatter.value
        return CustomTag(tag=name, value=value) if _has_formats(flavour) and not operator_error(value) else None
    literal = tag.literal.value if tag.literal else ""
    return CustomTag(tag=name, literal=CustomTag.Literal(value=literal)) if literal else None
