"""What a proxy logs, traces and counts, and where the collectors are.

In: the Telemetries of the mesh, MeshConfig, services, a proxy. Out: an `Observed`, the same object for all proxies for
which it is the same. Source: xDS behaviour 4.6, 4.7, 7.0, 7.3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pilot.memo import latest, memoized
from pilot.model import telemetries
from pilot.model.extension_provider import ExtensionProvider
from pilot.model.interning import Interner, same_tuple
from pilot.model.mesh import MeshConfig
from pilot.model.observation import Observation, ObservedSide, observe
from pilot.model.policy_attachment import Policies, WorkloadPlace
from pilot.model.service import Service
from pilot.model.snapshot import Snapshot
from pilot.model.telemetries import CheckedTelemetry
from pilot.model.telemetry import TelemetrySpec
from pilot.view.proxy import Proxy, ProxyKind, Traits
from pilot.view.workload_lookup import Identified

_PROXIES = 8192  # arbitrary: connected proxies of which the last answer is remembered
_NO_SPECS: tuple[TelemetrySpec, ...] = ()


class _Collector(Protocol):
    """A provider that sends to a service of the mesh."""

    @property
    def service(self) -> str: ...
    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What a proxy observes; compared by identity."""

    client: ObservedSide = field(default_factory=ObservedSide)
    server: ObservedSide = field(default_factory=ObservedSide)
    hosts: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """The hosts of collectors that can be reached, by service (as written) and port."""
    zipkin_version: tuple[int, int] = (65535, 65535)
    """Of Istio in the proxy, where a tracer depends on it."""

    @property
    def names_itself(self) -> bool:
        """Whether a tracer says what the proxy calls itself."""
        traces = (each.trace.provider for each in (self.client, self.server) if each.trace is not None)
        return any(each is not None and (each.datadog or each.opentelemetry) for each in traces)


_OBSERVED: Interner[Observed] = Interner(1024)


def observed_of(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Observed:
    """What the proxy observes."""
    declared, specs = snapshot.extensions.telemetries, _NO_SPECS
    if declared.namespaces:
        reach = snapshot.features.selector_gateway_policy
        specs = _specs(identified, declared, snapshot.mesh.root_namespace, proxy.traits, reach)
    return _of_specs(snapshot, proxy.istio_version[:2], specs)


def observed_at(snapshot: Snapshot, version: tuple[int, int], place: WorkloadPlace) -> Observed:
    """What a waypoint of this version of Istio observes of the traffic to a service. `place`: one object for one."""
    declared = snapshot.extensions.telemetries
    specs = _specs_at(place, declared, snapshot.mesh.root_namespace) if declared.namespaces else _NO_SPECS
    return _of_specs(snapshot, version, specs)


@latest(size=65_536)
def _specs_at(place: WorkloadPlace, declared: Policies[CheckedTelemetry], root: str) -> tuple[TelemetrySpec, ...]:
    return same_tuple(tuple(each.spec for each in telemetries.select(declared, root, place)))


def _of_specs(snapshot: Snapshot, istio: tuple[int, int], specs: tuple[TelemetrySpec, ...]) -> Observed:
    observation = observe(specs, snapshot.mesh)
    version = (65535, 65535)
    if _traces_to_zipkin(observation):
        version = min(max(istio, (1, 27)), (1, 29))  # nothing differs before and after
    return _observed(observation, _hosts(observation, snapshot.services), version[0], version[1])


@latest(size=_PROXIES)
def _specs(
    identified: Identified, declared: Policies[CheckedTelemetry], root: str, traits: Traits, reach: bool
) -> tuple[TelemetrySpec, ...]:
    place = WorkloadPlace(traits.namespace, identified.labels, traits.kind is ProxyKind.WAYPOINT, reach)
    return same_tuple(tuple(each.spec for each in telemetries.select(declared, root, place)))


@memoized(size=1024)
def _observed(observation: Observation, hosts: Mapping[tuple[str, int], str], major: int, minor: int) -> Observed:
    return Observed(observation.client, observation.server, hosts, (major, minor))


def unobserved(mesh: MeshConfig) -> Observed:
    """What holds where no Telemetry does and no collector is known."""
    return _unobserved(mesh)


@memoized(size=64)
def _unobserved(mesh: MeshConfig) -> Observed:
    observation = observe(_NO_SPECS, mesh)
    return Observed(observation.client, observation.server)


@memoized(size=1024)
def _traces_to_zipkin(observation: Observation) -> bool:
    return any(each.zipkin is not None for each in _providers(observation))


def _providers(observation: Observation) -> Iterator[ExtensionProvider]:
    for side in (observation.client, observation.server):
        yield from (each.provider for each in side.logs or ())
        if side.trace is not None and side.trace.provider is not None:
            yield side.trace.provider


@latest(size=1024)
def _hosts(observation: Observation, services: tuple[Service, ...]) -> Mapping[tuple[str, int], str]:
    """The hosts of collectors, by what providers call them; none for those that there is not exactly one of."""
    wanted = dict.fromkeys((each.service, each.port) for each in _collectors(observation))
    if not wanted:
        return _NOWHERE
    found = {key: host for key in wanted if (host := _host(*key, services))}
    return _HOSTS.same(tuple(found.items()), found)


_NOWHERE: Mapping[tuple[str, int], str] = {}
_HOSTS: Interner[Mapping[tuple[str, int], str]] = Interner(1024)


def _collectors(observation: Observation) -> Iterator[_Collector]:
    for each in _providers(observation):
        kinds: tuple[_Collector | None, ...] = (
            each.zipkin,
            each.datadog,
            each.skywalking,
            each.opentelemetry,
            each.envoy_http_als,
            each.envoy_tcp_als,
            each.envoy_otel_als,
        )
        yield from (kind for kind in kinds if kind is not None)
        sampler = each.opentelemetry.dynatrace_sampler if each.opentelemetry is not None else None
        if sampler is not None and sampler.http_service is not None:
            yield sampler.http_service


def _host(named: str, port: int, services: tuple[Service, ...]) -> str:
    """The host of a service `host` or `namespace/host` with that port; empty where it means none, or several."""
    namespace, _, host = named.rpartition("/")
    found = [each for each in services if each.hostname == host and namespace in ("", each.namespace)]
    if len({each.namespace for each in found}) != 1:
        return ""
    return host if found[0].port(port) is not None else ""
