"""Figures of gRPC calls with one answer, as the usual libraries count them; streams are counted elsewhere.

In: the handlers of a server. Out: metric families `grpc_server_*`. A stream costs one look-up when it begins, nothing
after it. Source: operations 8.4.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import grpc
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pilot.xds.histogram import Histogram
from pilot.xds.metrics import code_name

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class CallMetrics(Collector, grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # not generic at run time
    """Counts what passes. Registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._seconds = Histogram("grpc_server_handling_seconds", "Seconds to answer.", _SECONDS, "grpc_method")
        registry.register(self)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Wraps handlers of calls with one request and one answer."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming or handler.response_streaming:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._counting(handler_call_details.method, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _counting(self, method: str, serve: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Any]:
        async def counted(request: Any, context: Any) -> Any:
            started = time.monotonic()
            self._counts["grpc_server_started_total", method, ""] += 1
            self._counts["grpc_server_msg_received_total", method, ""] += 1
            code = "Unknown"
            try:
                answer = await serve(request, context)
                self._counts["grpc_server_msg_sent_total", method, ""] += 1
                code = "OK"
                return answer
            finally:
                told = context.code()
                if code != "OK" and told is not None:
                    code = code_name(told.value[0] if isinstance(told, grpc.StatusCode) else int(told))
                self._counts["grpc_server_handled_total", method, code] += 1
                self._seconds.observe(time.monotonic() - started, method)

        return counted

    def collect(self) -> Iterator[Metric]:
        """Everything so far."""
        families: dict[str, Metric] = {}
        for (name, method, code), count in sorted(self._counts.items()):
            family = families.setdefault(name, Metric(name, "Calls with one answer.", "counter"))
            family.add_sample(name, _labels(method) | ({"grpc_code": code} if code else {}), count)
        yield from families.values()
        if families:
            yield _relabelled(self._seconds.family())


def _labels(method: str) -> dict[str, str]:
    _, service, name = f"//{method}".rsplit("/", 2)
    return {"grpc_type": "unary", "grpc_service": service, "grpc_method": name}


def _relabelled(family: HistogramMetricFamily) -> Metric:
    made = Metric(family.name, family.documentation, "histogram")
    for each in family.samples:
        rest = {key: value for key, value in each.labels.items() if key != "grpc_method"}
        made.add_sample(each.name, _labels(each.labels.get("grpc_method", "")) | rest, each.value)
    return made
