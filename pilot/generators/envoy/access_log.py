"""Access logs: of the providers that hold on a side of connections, else as MeshConfig says.

In: what is logged, hosts of collectors, MeshConfig and what the proxy binary has. Out: serialized
`envoy.config.accesslog.v3.AccessLog` messages for each place that logs. Source: xDS behaviour 4.7, 4.8, appendix A.18.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ExtensionFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.config.core.v3.base_pb2 import RuntimeUInt32
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter

from pilot.generators.envoy import collectors
from pilot.generators.envoy.log_format import mesh_format, provider_format
from pilot.generators.envoy.packing import PREFIX, pack
from pilot.generators.envoy.wire import Extension, embed, extension, serialize
from pilot.memo import memoized
from pilot.model.mesh import MeshConfig
from pilot.model.observation import Log, ObservedSide
from pilot.validation.cel import expression_fault
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour

_FILTER = 2  # field of AccessLog
_STANDARD_OUTPUT: Final = "/dev/stdout"
_FAILED: Final = StatusCodeFilter(
    comparison=ComparisonFilter(
        op=ComparisonFilter.GE, value=RuntimeUInt32(default_value=400, runtime_key="istio.io/unset")
    )
)
_EXPRESSION_TYPE: Final = PREFIX + str(ExpressionFilter.DESCRIPTOR.full_name)


@dataclass(frozen=True, slots=True, eq=False)
class AccessLogs:
    """Serialized `AccessLog` messages by place."""

    http: tuple[bytes, ...] = ()
    """Of HTTP connection managers."""
    tcp: tuple[bytes, ...] = ()
    """Of tcp_proxy."""
    listener: tuple[bytes, ...] = ()
    """Of listeners: connections that no filter chain took."""
    tunnel: tuple[bytes, ...] = ()
    """Of the proxy that opens tunnels: connections that failed upstream."""
    terminated: tuple[bytes, ...] = ()
    """Of the proxy that tunnels end at: those that it refused."""


@dataclass(frozen=True, slots=True)
class _Logger:
    """A logger and the expression that limits it."""

    extension: Extension
    expression: str = ""

    def body(self, flag: str = "", *, failures: bool = False) -> bytes:
        """The logger, limited to connections with this response flag, or to requests that failed."""
        return self.extension.body + _when(flag, self.expression, failures)


@memoized()
def build_access_logs(mesh: MeshConfig, flavour: Flavour, observed: Observed, side: ObservedSide) -> AccessLogs:
    """The logs of one side of connections."""
    if side.logs is not None and not _unreachable(side.logs, observed, mesh, flavour):
        http = tcp = listener = tunnel = _supported(_of_providers(side.logs, observed, mesh, flavour), flavour)
    else:
        http, tcp, listener, tunnel = (_supported(_of_mesh(mesh, flavour, place), flavour) for place in _PLACES)
    if mesh.disable_envoy_listener_log:
        listener = ()
    return AccessLogs(
        http=tuple(each.body() for each in http),
        tcp=tuple(each.body() for each in tcp),
        listener=tuple(each.body("NR") for each in listener),
        tunnel=tuple(each.body("UF") for each in tunnel),
        terminated=tuple(each.body(failures=True) for each in tunnel),
    )


_PLACES: Final = ("http", "tcp", "listener", "tunnel")


def _supported(loggers: Iterator[_Logger], flavour: Flavour) -> tuple[_Logger, ...]:
    """Those that this Envoy has; one that is limited is left out where it cannot be."""
    return tuple(
        each
        for each in loggers
        if flavour.has(each.extension.url) and (not each.expression or flavour.has(_EXPRESSION_TYPE))
    )


def _unreachable(logs: Sequence[Log], observed: Observed, mesh: MeshConfig, flavour: Flavour) -> bool:
    """Whether the collectors of all of them are unknown: then the mesh's own log is written, as by istiod."""
    return bool(logs) and all(_of_provider(each, observed, mesh, flavour) is None for each in logs)


def _of_providers(logs: Sequence[Log], observed: Observed, mesh: MeshConfig, flavour: Flavour) -> Iterator[_Logger]:
    """One whose filter is no expression is left out: without it, it would tell more than was meant."""
    for log in logs:
        made = _of_provider(log, observed, mesh, flavour)
        if made is not None and not (log.filter and expression_fault(log.filter)):
            yield _Logger(made, log.filter)


def _of_provider(log: Log, observed: Observed, mesh: MeshConfig, flavour: Flavour) -> Extension | None:
    provider = log.provider
    if provider.envoy_file_access_log is not None:
        file = provider.envoy_file_access_log
        return _file_log(file.path or _STANDARD_OUTPUT, provider_format(provider.name, file, mesh, flavour))
    if provider.envoy_http_als is not None:
        return collectors.http_log(provider.envoy_http_als, observed.hosts)
    if provider.envoy_tcp_als is not None:
        return collectors.tcp_log(provider.envoy_tcp_als, observed.hosts)
    if provider.envoy_otel_als is not None:
        return collectors.opentelemetry_log(provider.envoy_otel_als, observed.hosts, flavour)
    return None


def _of_mesh(mesh: MeshConfig, flavour: Flavour, place: str) -> Iterator[_Logger]:
    if mesh.access_log_file:
        yield _Logger(_file_log(mesh.access_log_file, mesh_format(mesh, flavour)))
    if mesh.enable_envoy_access_log_service and place != "tunnel":  # istiod: tunnels are not logged there
        yield _Logger(collectors.mesh_log(place))


def _file_log(path: str, log_format: Any) -> Extension:
    return extension("envoy.access_loggers.file", FileAccessLog(path=path, log_format=log_format))


@memoized(size=1024)
def _when(flag: str, expression: str, failures: bool) -> bytes:
    """The field that limits a log; empty: it logs everything."""
    conditions: list[Any] = []
    if failures:
        conditions.append(AccessLogFilter(status_code_filter=_FAILED))
    if flag:
        conditions.append(AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=[flag])))
    if expression:
        by_expression = ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel",
            typed_config=pack(ExpressionFilter(expression=expression)),
        )
        conditions.append(AccessLogFilter(extension_filter=by_expression))
    if not conditions:
        return b""
    whole = conditions[0] if len(conditions) == 1 else AccessLogFilter(and_filter=AndFilter(filters=conditions))
    return embed(_FILTER, serialize(whole))
