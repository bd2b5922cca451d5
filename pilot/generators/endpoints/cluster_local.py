"""Which services are never reached in another cluster.

In: a host name, mesh settings. Out: yes or no. Source: xDS behaviour 6.7.
"""

from collections.abc import Iterator

from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.hosts import HostIndex
from pilot.model.mesh import MeshConfig


def is_cluster_local(host: str, mesh: MeshConfig, features: Features) -> bool:
    """Whether only endpoints of the client's own cluster count."""
    return _index(mesh, features).find(host) or False


@memoized(size=16)
def _index(mesh: MeshConfig, features: Features) -> HostIndex[bool]:
    return HostIndex.of(_patterns(mesh, features))


def _patterns(mesh: MeshConfig, features: Features) -> Iterator[tuple[str, bool]]:
    """What the mesh says comes before what is so by default."""
    for each in mesh.service_settings:
        if each.settings is not None:
            yield from ((host, each.settings.cluster_local) for host in each.hosts)
    domain = features.cluster_domain
    yield f"*.kube-system.svc.{domain}", True
    yield f"kubernetes.default.svc.{domain}", True
    discovery = mesh.default_config.discovery_address.rpartition(":")[0]
    if discovery:
        yield discovery, True
        yield f"{discovery}.{domain}", True
