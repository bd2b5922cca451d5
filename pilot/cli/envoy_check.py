"""What a real Envoy says of resources, without running them.

In: packed clusters, listeners and routes of one proxy; an Envoy binary. Out: its complaint, or none. It is asked with
`--mode validate`; filters that only Istio's build has are left out, an upstream Envoy cannot judge them.
"""

import base64
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as Packed

PATIENCE: Final = 60.0
"""Seconds for one verdict."""
_UNKNOWN: Final = re.compile(
    r"could not find @type|Didn't find a registered implementation|unable to parse JSON as proto.*type_url|"
    r"no registered|type.googleapis.com/(?:istio|udpa)",
)
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"
_ADS: Final = "xds-grpc"
_ISTIO: Final = ("istio.", "istio_")


def verdict(binary: Path, resources: Iterable[Mapping[str, str]]) -> tuple[str, str]:
    """`accepted`, `rejected` or `unknown`, and why."""
    with TemporaryDirectory(prefix="meshpilot-diff-") as directory:
        path = Path(directory, "bootstrap.pb")
        path.write_bytes(bootstrap(resources).SerializeToString())
        command = [str(binary), "--mode", "validate", "--config-path", str(path), "--log-level", "critical"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return "unknown", str(error)
    if done.returncode == 0:
        return "accepted", ""
    said = _reason(done.stdout + done.stderr)
    if _UNKNOWN.search(said):
        return "unknown", "it has not every extension that is used"
    return "rejected", said


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given")[-1000:]


def bootstrap(resources: Iterable[Mapping[str, str]]) -> Any:
    """A bootstrap that has the resources as its own; routes are put into listeners that are never opened."""
    made = bootstrap_pb2.Bootstrap()
    made.node.id, made.node.cluster = "validate", "validate"
    _add_source(made)
    port = 1
    for each in resources:
        packed = Packed.FromString(base64.b64decode(each["body"]))
        kind = packed.type_url.rpartition(".")[2]
        if kind == "Cluster":
            cluster = made.static_resources.clusters.add()
            packed.Unpack(cluster)
            _drop(cluster.filters)
        elif kind == "Listener":
            listener = made.static_resources.listeners.add()
            packed.Unpack(listener)
            _without_istio(listener)
        elif kind == "RouteConfiguration":
            port += 1
            _add_routes(made, packed, each["name"], port)
    return made


def _without_istio(listener: Any) -> None:
    """Without the filters that only Istio's build has: everything else can be judged then."""
    listener.bind_to_port.value = False
    for chain in (*listener.filter_chains, listener.default_filter_chain):
        _drop(chain.filters)
        for each in chain.filters:
            if each.typed_config.Is(hcm_pb2.HttpConnectionManager.DESCRIPTOR):
                manager = hcm_pb2.HttpConnectionManager()
                each.typed_config.Unpack(manager)
                _drop(manager.http_filters)
                each.typed_config.Pack(manager)


def _drop(filters: Any) -> None:
    kept = [each for each in filters if not each.name.startswith(_ISTIO)]
    del filters[:]
    filters.extend(kept)


def _add_source(made: Any) -> None:
    """Where everything else would come from: nobody is asked while validating."""
    cluster = made.static_resources.clusters.add(name=_ADS)
    json_format.ParseDict(
        {
            "connect_timeout": "1s",
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": _ADS,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(1)}}]}],
            },
        },
        cluster,
    )
    options = HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.SetInParent()
    cluster.typed_extension_protocol_options[HttpProtocolOptions.DESCRIPTOR.full_name].Pack(options)
    source = {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": _ADS}}],
    }
    json_format.ParseDict({"ads_config": source}, made.dynamic_resources)


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _add_routes(made: Any, packed: Packed, name: str, port: int) -> None:
    manager = hcm_pb2.HttpConnectionManager(stat_prefix="validate")
    packed.Unpack(manager.route_config)
    manager.route_config.ClearField("validate_clusters")
    manager.route_config.validate_clusters.value = False
    router = manager.http_filters.add(name="envoy.filters.http.router")
    router.typed_config.type_url = f"type.googleapis.com/{_ROUTER}"
    listener = made.static_resources.listeners.add(name=f"routes {name}")
    json_format.ParseDict(_address(port), listener.address)
    listener.bind_to_port.value = False
    entry = listener.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    entry.typed_config.Pack(manager)
