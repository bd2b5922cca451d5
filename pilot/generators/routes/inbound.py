"""Routes of inbound connection managers: everything goes to the workload. They are part of the listener, not RDS.

In: the port and what it belongs to. Out: a serialized `RouteConfiguration`. Source: xDS behaviour 4.4 (inbound route).
"""

from typing import Final

from envoy.config.route.v3.route_components_pb2 import Decorator, RetryPolicy, Route, RouteAction, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy.wire import serialize
from pilot.generators.routes.match import EVERYTHING
from pilot.memo import memoized

_NO_LIMIT: Final = RouteAction.MaxStreamDuration(max_stream_duration=Duration(), grpc_timeout_header_max=Duration())
_RETRY: Final = RetryPolicy(retry_on="reset-before-request", num_retries=UInt32Value(value=2))


@memoized()
def build_inbound_routes(cluster: str, port: int, host: str, retry: bool, domain: str = "*") -> bytes:
    """`port` and `host` name the service in virtual host and traces; `retry`: not for gRPC, whose clients retry.

    `domain`: the only hosts that requests may be for.
    """
    action = RouteAction(
        cluster=cluster,
        timeout=Duration(),
        max_stream_duration=_NO_LIMIT,
        retry_policy=_RETRY if retry else None,
    )
    route = Route(name="default", match=EVERYTHING, decorator=Decorator(operation=f"{host}:{port}/*"), route=action)
    hosts = [VirtualHost(name=f"inbound|http|{port}", domains=[domain], routes=[route])]
    return serialize(RouteConfiguration(name=cluster, virtual_hosts=hosts, validate_clusters=BoolValue(value=False)))
