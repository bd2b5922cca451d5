"""Real Envoys for live tests: what a binary can do, and whether it accepts a configuration.

Comes in: the path of a binary (`tests/envoys.py`). Goes out: its extension list, and its verdict on a bootstrap.
Nothing stays running.
"""

import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest
from google.protobuf import json_format, text_format

ANSWER_WITHIN = 30  # seconds; an Envoy says hello within one
_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


@lru_cache(maxsize=4)
def node_of(envoy: Path) -> Any:
    """The node that this binary sends: its version and every extension it has. Asked once, over loopback."""
    requests: Queue[bytes] = Queue()
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((_FirstRequest(requests),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with TemporaryDirectory(prefix="envoy-") as directory:
        path = Path(directory, "bootstrap.json")
        path.write_text(json_format.MessageToJson(_greeting(port)))
        command = [str(envoy), "--config-path", str(path), "--use-dynamic-base-id", "--log-level", "error"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                return Node.FromString(
                    DiscoveryRequest.FromString(requests.get(timeout=ANSWER_WITHIN)).node.SerializeToString()
                )
            finally:
                process.kill()
                server.stop(None).wait()


class _FirstRequest(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Takes the first request of every stream and never answers."""

    def __init__(self, requests: "Queue[bytes]") -> None:
        self._requests = requests
        self._over = threading.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.stream_stream_rpc_method_handler(self._stream) if handler_call_details.method == _METHOD else None

    def _stream(self, stream: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self._requests.put(next(stream))
        context.abort(grpc.StatusCode.CANCELLED, "that is all")
        yield b""


def _greeting(port: int) -> Any:
    """A bootstrap that asks for clusters at a port of this machine."""
    text = f"""
      node {{ id: "somebody" cluster: "any" }}
      dynamic_resources {{
        ads_config {{ api_type: GRPC transport_api_version: V3
          grpc_services {{ envoy_grpc {{ cluster_name: "xds-grpc" }} }} }}
        cds_config {{ ads {{}} resource_api_version: V3 }}
      }}
      static_resources {{ clusters {{ name: "xds-grpc" type: STATIC connect_timeout {{ seconds: 5 }}
        http2_protocol_options {{}}
        load_assignment {{ cluster_name: "xds-grpc" endpoints {{ lb_endpoints {{ endpoint {{ address {{
          socket_address {{ address: "127.0.0.1" port_value: {port} }} }} }} }} }} }} }} }}
    """
    return text_format.Parse(text, Bootstrap())


@dataclass(frozen=True)
class Verdict:
    """What Envoy says of a configuration."""

    accepted: bool
    words: str


def validate(envoy: Path, bootstrap: Any) -> Verdict:
    """Has a real Envoy read a bootstrap, with everything in it, as it would at start."""
    with TemporaryDirectory(prefix="envoy-") as directory:
        path = Path(directory, "bootstrap.pb")
        path.write_bytes(bootstrap.SerializeToString())
        command = [str(envoy), "--mode", "validate", "--config-path", str(path), "--log-level", "error"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Verdict(done.returncode == 0, f"{done.stdout}{done.stderr}".strip()[-4000:])


def static_bootstrap(*, listeners: Sequence[Any] = (), clusters: Sequence[Any] = (), node: Any | None = None) -> Any:
    """A bootstrap that holds resources as a control plane would send them, and what they take for granted.

    That is: an ADS server, the agent's SDS cluster, and internal listeners.
    """
    text = """
      bootstrap_extensions { name: "envoy.bootstrap.internal_listener" typed_config {
        [type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener] {} } }
      layered_runtime { layers { name: "static" static_layer {
        fields { key: "re2.max_program_size.error_level" value { number_value: 32768 } } } } }
    """
    import envoy.extensions.bootstrap.internal_listener.v3.internal_listener_pb2  # noqa: F401 - the type named above

    made = _greeting(9)
    made.MergeFrom(text_format.Parse(text, Bootstrap()))
    made.dynamic_resources.ClearField("cds_config")
    if node is not None:
        made.node.CopyFrom(node)
    for name in ("sds-grpc",):
        agent = made.static_resources.clusters.add()
        agent.CopyFrom(made.static_resources.clusters[0])
        agent.name = agent.load_assignment.cluster_name = name
    made.static_resources.clusters.extend(clusters)
    made.static_resources.listeners.extend(listeners)
    return made
