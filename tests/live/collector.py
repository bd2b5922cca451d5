"""A small OpenTelemetry collector for live tests: it takes traces and logs over gRPC and keeps them.

In: an address. Out: spans and log records, as they came.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_PACKAGE = "opentelemetry.proto.collector"


class Collector:
    """What came so far."""

    def __init__(self) -> None:
        self.spans: list[tuple[dict[str, str], Any]] = []
        """Attributes of the resource, and the span."""
        self.records: list[Any] = []

    async def take_spans(self, request: Any, _: Any) -> Any:
        """One export of spans."""
        for resource in request.resource_spans:
            of = attributes(resource.resource.attributes)
            # named as they once were: on the wire it is the same
            self.spans += [(of, span) for scope in resource.instrumentation_library_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    async def take_records(self, request: Any, _: Any) -> Any:
        """One export of log records."""
        for resource in request.resource_logs:
            self.records += [record for scope in resource.instrumentation_library_logs for record in scope.logs]
        return logs_service_pb2.ExportLogsServiceResponse()


def attributes(of: Iterable[Any]) -> dict[str, str]:
    """By key; what is no text is empty."""
    return {each.key: each.value.string_value for each in of}


@contextlib.asynccontextmanager
async def collecting(address: str) -> AsyncIterator[Collector]:
    """A collector that listens on host:port."""
    made, server = Collector(), grpc.aio.server()
    for service, take, request in (
        ("trace.v1.TraceService", made.take_spans, trace_service_pb2.ExportTraceServiceRequest),
        ("logs.v1.LogsService", made.take_records, logs_service_pb2.ExportLogsServiceRequest),
    ):
        handler = grpc.unary_unary_rpc_method_handler(
            take, request_deserializer=request.FromString, response_serializer=lambda each: each.SerializeToString()
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(f"{_PACKAGE}.{service}", {"Export": handler}),)
        )
    server.add_insecure_port(address)
    await server.start()
    try:
        yield made
    finally:
        await server.stop(0)
