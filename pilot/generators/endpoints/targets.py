"""What a cluster name means to a client: the service, port, subset and rule behind it.

In: names and parts of a scope. Out: `Target`s; equal ones are the same object, so classes of proxies share what is
made for them. Does not look at endpoints. Source: xDS behaviour 6.1, 6.2 (mutual TLS by rule).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pilot.generators import policy
from pilot.generators.endpoints.assignment import Target
from pilot.generators.endpoints.client import Client, Place, placed
from pilot.generators.endpoints.cluster_local import is_cluster_local
from pilot.generators.endpoints.preference import preference
from pilot.memo import Work, memoized
from pilot.model import mcs
from pilot.model.cluster_name import ClusterName, Direction
from pilot.model.destination_rule import MergedRule
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_settings import is_ip
from pilot.model.service import UNSPECIFIED_ADDRESS, Hostname, Resolution, Service
from pilot.model.traffic_policy import ClientTLSMode, TrafficPolicy
from pilot.model.waypoint import HBONE_PORT
from pilot.rows import rows
from pilot.view.waypoint import Attached

_DNS = frozenset({Resolution.DNS, Resolution.DNS_ROUND_ROBIN})
_NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Reached:
    """What a client reaches."""

    by_host: Mapping[Hostname, Service]
    """Of its scope."""
    rules: Mapping[Hostname, MergedRule]
    waypoints: Mapping[Hostname, Service]
    """The services in front of those that it reaches through one."""
    attached: Mapping[Hostname, Attached]
    """Waypoints: the services behind it."""

    def find(self, host: Hostname, direction: Direction) -> tuple[Service | None, MergedRule | None, Service | None]:
        """A service, its rule, and the service in front of it."""
        own = self.attached.get(host) if direction is Direction.INBOUND_VIP else None
        if own is not None:
            return own.service, own.rule, None
        return self.by_host.get(host), self.rules.get(host), self.waypoints.get(host)


def find_targets(
    names: Sequence[str],
    reached: Reached,
    client: Client,
    place: Place,
    mesh: MeshConfig,
    features: Features,
) -> Work[list[Target | None]]:
    """The targets behind names asked for over EDS; None: nothing that this client may reach."""
    if reached.attached:
        found = [reached.find(_host_of(each), _direction_of(each)) for each in names]
        parts = ([each[column] for each in found] for column in range(3))
        return (yield from _find.steps((names, *parts), client, place, mesh, features))
    hosts = list(map(_host_of, names))
    columns = (list(map(each.get, hosts)) for each in (reached.by_host, reached.rules, reached.waypoints))
    return (yield from _find.steps((names, *columns), client, place, mesh, features))


@lru_cache(maxsize=65_536)
def _host_of(name: str) -> Hostname:
    parsed = ClusterName.parse(name)
    return Hostname("" if parsed is None or parsed.direction is Direction.INBOUND else parsed.host)


@lru_cache(maxsize=65_536)
def _direction_of(name: str) -> Direction:
    parsed = ClusterName.parse(name)
    return Direction.OUTBOUND if parsed is None else parsed.direction


@rows()
def _find(
    name: str,
    service: Service | None,
    rule: MergedRule | None,
    waypoint: Service | None,
    client: Client,
    place: Place,
    mesh: MeshConfig,
    features: Features,
) -> Target | None:
    parsed = ClusterName.parse(name)
    if parsed is None or service is None or service.resolution in _DNS:
        return None
    subset = parsed.subset if parsed.direction is Direction.OUTBOUND else parsed.subset.partition("/")[2]
    found = target(name, parsed.port, subset, service, rule, client, place, mesh, features)
    return found if found is None or waypoint is None else _through(found, waypoint) or found


@memoized(size=4096)
def _through(found: Target, waypoint: Service) -> Target | None:
    """The same, reached through a waypoint by the address of the service; None where either cannot be dialled.

    Source: xDS behaviour 6.3 (service waypoint redirection).
    """
    port, address = waypoint.port(HBONE_PORT), found.service.address
    if port is None or not is_ip(address) or address == UNSPECIFIED_ADDRESS:
        return None
    authority = f"[{address}]" if ":" in address else address
    return replace(
        found,
        service=waypoint,
        port=port,
        labels=_NO_LABELS,
        via=f"{authority}:{found.port.number}",
        preference=None,
        own_cluster_only=found.own_cluster_only or found.client.doubles,
    )


def target(
    name: str,
    port: int,
    subset: str,
    service: Service,
    rule: MergedRule | None,
    client: Client,
    place: Place,
    mesh: MeshConfig,
    features: Features,
) -> Target | None:
    """The target of a service port and subset; None: the service has no such port."""
    found = policy.find_subset(rule, subset) if subset else None
    effective = policy.for_subset(rule, port, found) if found else policy.for_port(rule, port)
    wish = preference(effective.load_balancer, effective.outlier_detection, service.traffic_distribution, mesh)
    return _target(name, port, subset, service, rule, placed(client, place, wish, service.node_local), mesh, features)


@memoized(size=65_536)
def _target(
    name: str,
    port: int,
    subset: str,
    service: Service,
    rule: MergedRule | None,
    client: Client,
    mesh: MeshConfig,
    features: Features,
) -> Target | None:
    service_port = service.port(port)
    if service_port is None:
        return None
    found = policy.find_subset(rule, subset) if subset else None
    effective = policy.for_subset(rule, port, found) if found else policy.for_port(rule, port)
    if subset:
        said = _mtls_by_rule(found.traffic_policy if found else None, port)
    else:
        said = _mtls_by_rule(rule.traffic_policy if rule else None, port)
    return Target(
        name=name,
        service=service,
        port=service_port,
        rule=rule,
        labels=found.labels if found else _NO_LABELS,
        mtls=said,
        preference=preference(effective.load_balancer, effective.outlier_detection, service.traffic_distribution, mesh),
        client=client,
        own_cluster_only=is_cluster_local(service.hostname, mesh, features)
        or mcs.is_for_own_cluster(service, features)
        or client.is_entrance
        or (client.doubles and not service.is_global),
        encrypted_only="|" not in name,
        origins=(service.origin, *(rule.origins if rule else ())),
        behind_waypoint=_direction_of(name) is Direction.INBOUND_VIP,
    )


def _mtls_by_rule(declared: TrafficPolicy | None, port: int) -> bool | None:
    """Whether a policy asks for Istio's mutual TLS; None where it says nothing about TLS."""
    if declared is None:
        return None
    said = declared.tls
    for entry in declared.port_level_settings:
        if entry.port is not None and entry.port.number == port and entry.tls is not None:
            said = entry.tls
            break
    return None if said is None else said.mode is ClientTLSMode.ISTIO_MUTUAL
