"""Where Envoy gets secrets from: the agent's SDS socket, files that the agent serves, or us over ADS.

In: names of secrets. Out: `SdsSecretConfig` messages (constants are shared: never change them). Does not hold a secret.
Source: xDS behaviour 3.8 (SDS config), appendix A (SDSG0, SDSG, ADS).
"""

from typing import Any

from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiConfigSource,
    ApiVersion,
    ConfigSource,
)
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from google.protobuf.duration_pb2 import Duration

from pilot.memo import memoized

AGENT_CLUSTER = "sds-grpc"
FILES_CLUSTER = "sds-files-grpc"
EXTERNAL_CLUSTER = "sds-external"
EXTERNAL_PREFIX = "sds://"
SYSTEM_ROOTS = "system"


def _grpc(cluster: str) -> Any:
    return ApiConfigSource(
        api_type=ApiConfigSource.GRPC,
        set_node_on_first_message_only=True,
        transport_api_version=ApiVersion.V3,
        grpc_services=[GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=cluster))],
    )


def _agent_secret(name: str) -> Any:
    source = ConfigSource(
        api_config_source=_grpc(AGENT_CLUSTER), initial_fetch_timeout=Duration(), resource_api_version=ApiVersion.V3
    )
    return SdsSecretConfig(name=name, sds_config=source)


WORKLOAD_CERTIFICATE = _agent_secret("default")
WORKLOAD_ROOTS = _agent_secret("ROOTCA")

_ADS = ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)


@memoized()
def file_certificate(chain: str, key: str, *, own_socket: bool = False) -> Any:
    """Certificate and key in files of the workload. `own_socket`: the agent serves files on a socket of its own."""
    return _file_secret(f"file-cert:{chain}~{key}", own_socket)


@memoized()
def file_roots(path: str, *, own_socket: bool = False) -> Any:
    """Trusted certificates in a file; an empty path means those of the operating system."""
    return _file_secret(f"file-root:{path or SYSTEM_ROOTS}", own_socket)


@memoized()
def credential(name: str, *, external_socket: bool = False) -> Any:
    """A secret by resource name: `kubernetes://web-tls` comes from us, `sds://name` from the workload's own socket."""
    if external_socket and name.startswith(EXTERNAL_PREFIX):
        source = ConfigSource(api_config_source=_grpc(EXTERNAL_CLUSTER), resource_api_version=ApiVersion.V3)
        return SdsSecretConfig(name=name, sds_config=source)
    return SdsSecretConfig(name=name, sds_config=_ADS)


def _file_secret(name: str, own_socket: bool) -> Any:
    cluster = FILES_CLUSTER if own_socket else AGENT_CLUSTER
    return SdsSecretConfig(
        name=name, sds_config=ConfigSource(api_config_source=_grpc(cluster), resource_api_version=ApiVersion.V3)
    )
