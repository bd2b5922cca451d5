"""Tracing of HTTP connection managers as the mesh's defaults say.

In: what names the workload, MeshConfig, ProxyConfig. Out: a serialized `HttpConnectionManager.Tracing`, empty where
there is no tracing. Providers (Telemetry API) come later. Source: xDS behaviour 4.6, appendix A.17.
"""

from typing import Any, Final, NamedTuple

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey, MetadataKind
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.wire import serialize
from pilot.model import proxy_config
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig

_PathSegment = MetadataKey.PathSegment
_ALWAYS: Final = Percent(value=100)


class WorkloadTags(NamedTuple):
    """What every span says of the proxy; part of cache keys by value."""

    canonical_revision: str
    canonical_service: str
    cluster_id: str
    mesh_id: str
    namespace: str


NO_TAGS: Final = WorkloadTags("", "", "", "", "")


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


def build_tracing(tags: WorkloadTags, mesh: MeshConfig, config: proxy_config.ProxyConfig, features: Features) -> bytes:
    """The tracing of a connection manager."""
    if not mesh.enable_tracing:
        return b""
    settings = config.tracing or proxy_config.Tracing()
    tracing = HttpConnectionManager.Tracing(
        client_sampling=_ALWAYS,
        overall_sampling=_ALWAYS,
        random_sampling=Percent(value=settings.sampling or features.trace_sampling),
        custom_tags=_custom_tags(tags, settings),
    )
    if settings.max_path_tag_length:
        tracing.max_path_tag_length.CopyFrom(UInt32Value(value=settings.max_path_tag_length))
    return serialize(tracing)


def _custom_tags(tags: WorkloadTags, settings: proxy_config.Tracing) -> list[Any]:
    """The dry-run tags, the workload's, then those of the user by name."""
    made: list[Any] = []
    if settings.enable_istio_tags is not False:
        made.extend(_DRY_RUN)
        made.extend(
            CustomTag(tag=f"istio.{name}", literal=CustomTag.Literal(value=value))
            for name, value in zip(WorkloadTags._fields, tags, strict=True)
        )
    made.extend(_user_tag(name, tag) for name, tag in sorted(settings.custom_tags.items()))
    return made


def _user_tag(name: str, tag: proxy_config.CustomTag) -> Any:
    if tag.environment:
        source = tag.environment
        return CustomTag(
            tag=name, environment=CustomTag.Environment(name=source.name, default_value=source.default_value)
        )
    if tag.header:
        return CustomTag(
            tag=name, request_header=CustomTag.Header(name=tag.header.name, default_value=tag.header.default_value)
        )
    return CustomTag(tag=name, literal=CustomTag.Literal(value=tag.literal.value if tag.literal else ""))
