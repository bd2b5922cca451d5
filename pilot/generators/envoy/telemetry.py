"""What observes traffic by default: which of istio.stats, access logs and tracing a proxy gets from MeshConfig.

In: MeshConfig. Out: the statistics filter, and whether there is one. Logs and traces are made beside this module.
Source: xDS behaviour 4.6, 4.7, appendix A.16.
"""

from typing import Final

from istio_api.stats_pb2 import PluginConfig
from pilot.generators.envoy.wire import Extension, extension
from pilot.memo import memoized
from pilot.model.mesh import MeshConfig

_OUTBOUND: Final = extension("istio.stats", PluginConfig())
_SERVER: Final = extension("istio.stats", PluginConfig(disable_host_header_fallback=True))


@memoized()
def has_stats(mesh: MeshConfig) -> bool:
    """Whether the mesh's default metrics providers include one that the istio.stats filter feeds (Prometheus)."""
    providers = (mesh.provider(name) for name in mesh.default_providers.metrics)
    return any(each is not None and each.prometheus is not None for each in providers)


def stats_filter(*, outbound: bool) -> Extension:
    """istio.stats as an HTTP or network filter; `outbound`: of a sidecar, toward services."""
    return _OUTBOUND if outbound else _SERVER
