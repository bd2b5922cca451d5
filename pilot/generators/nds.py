"""NDS: the table from which the agent's DNS server answers for names of the mesh.

In: a view. Out: a `ResourceSet` with one name table, the same object as long as it says the same.
Does not resolve: names that only DNS knows are not in it. Source: xDS behaviour 2.11.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from istio_api import nds_pb2
from pilot.generators.service_address import service_address
from pilot.memo import latest, memoized
from pilot.model import mcs
from pilot.model.endpoint import Endpoint, Health
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.features import Features
from pilot.model.interning import same_tuple
from pilot.model.mesh_settings import is_ip
from pilot.model.service import UNSPECIFIED_ADDRESS, Service
from pilot.resources import Origin, ResourceSet, resource, resource_set
from pilot.type_urls import NAME_TABLE
from pilot.view.proxy import Traits
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import EgressListener, Endpoints


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """What the table says about one name."""

    host: str
    ips: tuple[str, ...]
    is_kubernetes: bool
    short_name: str
    namespace: str
    origin: Origin


def build(view: ProxyView) -> ResourceSet:
    """The name table of a proxy."""
    plan = _plan(view.names, view.traits, view.features)
    return _table(_entries(plan, view.endpoints))


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Services with what does not depend on endpoints: a ready entry, or None for a headless one."""

    services: tuple[tuple[Service, _Entry | None], ...]
    cluster_id: str
    network: str


@memoized(size=1024, passing=True)
def _plan(egress: tuple[EgressListener, ...], traits: Traits, features: Features) -> _Plan:
    services = {id(service): service for listener in egress for service in listener.services}
    planned: list[tuple[Service, _Entry | None]] = []
    for service in services.values():
        known = service_address(service, traits, features)
        addresses = dict.fromkeys((known.primary, *known.extra))
        if UNSPECIFIED_ADDRESS not in addresses:
            ips = tuple(each for each in addresses if is_ip(each))
            planned.append((service, _service_entry(service, ips)))
        elif service.is_headless:
            planned.append((service, None))
    return _Plan(tuple(planned), traits.cluster_id, traits.network)


@memoized(size=65_536)
def _service_entry(service: Service, ips: tuple[str, ...]) -> _Entry:
    named = service.is_kubernetes and not mcs.is_of_all(service)
    return _Entry(
        service.hostname,
        ips,
        service.is_kubernetes,
        service.name if named else "",
        service.namespace if named else "",
        service.origin,
    )


@latest(size=1024)
def _entries(plan: _Plan, endpoints: Endpoints) -> tuple[_Entry, ...]:
    entries: list[_Entry] = []
    for service, entry in plan.services:
        if entry is not None:
            entries.append(entry)
        else:
            found = endpoints.get((service.hostname, service.namespace), NO_ENDPOINTS)
            entries += _headless_entries(service, found, plan.cluster_id, plan.network)
    return same_tuple(tuple(entries))


@memoized(size=16_384)
def _headless_entries(
    service: Service, endpoints: ServiceEndpoints, cluster_id: str, network: str
) -> tuple[_Entry, ...]:
    """The service under the addresses of its pods in every cluster, and each pod that has a name of its own.

    Of pods of one name in several clusters this one's counts.
    """
    whole: dict[str, None] = {}
    own: dict[str, dict[str, None]] = {}
    remote: dict[str, dict[str, None]] = {}
    for each in _answering(service, endpoints, network):
        addresses = dict.fromkeys(address for address in each.addresses if is_ip(address))
        whole.update(addresses)
        if each.subdomain and each.hostname:
            name = f"{each.hostname}.{each.subdomain}"
            if each.cluster_id == cluster_id:
                own.setdefault(name, {}).update(addresses)
            else:
                remote.setdefault(name, addresses)
    if not whole:
        return ()
    rest = service.hostname.partition(".")[2]
    return (
        _service_entry(service, tuple(whole)),
        *(
            _Entry(f"{pod}.{rest}", tuple(ips), service.is_kubernetes, pod, service.namespace, service.origin)
            for pod, ips in {**remote, **own}.items()
        ),
    )


def _answering(service: Service, endpoints: ServiceEndpoints, network: str) -> Iterator[Endpoint]:
    """Endpoints of the first port that the proxy can dial itself."""
    first = service.ports[0].name if service.ports else ""
    for each in endpoints.endpoints:
        near = not network or not each.network or each.network == network
        ready = service.publish_not_ready or each.health in (Health.HEALTHY, Health.UNKNOWN)
        if each.port_name == first and near and ready:
            yield each


@memoized(size=512, passing=True)
def _table(entries: tuple[_Entry, ...]) -> ResourceSet:
    by_host: dict[str, _Entry] = {}
    for entry in entries:
        if entry.ips:
            by_host[entry.host] = _merged(by_host.get(entry.host), entry)
    table = nds_pb2.NameTable(table={host: _message(entry) for host, entry in by_host.items()})
    origins = [entry.origin for entry in by_host.values()]
    return resource_set([resource(NAME_TABLE, "", table, origins)])


def _merged(known: _Entry | None, entry: _Entry) -> _Entry:
    """Of two with one name Kubernetes' counts; ServiceEntries add up."""
    if known is None or (entry.is_kubernetes and not known.is_kubernetes):
        return entry
    if known.is_kubernetes:
        return known
    ips = tuple(dict.fromkeys((*known.ips, *entry.ips)))
    return _Entry(known.host, ips, False, known.short_name, known.namespace, known.origin)


def _message(entry: _Entry) -> Any:
    return nds_pb2.NameTable.NameInfo(
        ips=entry.ips,
        registry="Kubernetes" if entry.is_kubernetes else "External",
        shortname=entry.short_name,
        namespace=entry.namespace,
    )
