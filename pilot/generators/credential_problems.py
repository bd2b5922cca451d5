"""Certificates that are missing or past their time: what the servers of Gateways name, and what Secrets hold.

In: Gateways, Secrets, workloads; for what has expired also the time. Out: problems. A server whose certificate is not
there refuses its handshakes; its neighbours on the port do not notice.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pilot.generators.envoy.server_tls import KUBERNETES, resource_name
from pilot.memo import memoized
from pilot.model.certificates import end_of
from pilot.model.credentials import Credentials
from pilot.model.gateway import GatewayServer, ServerTLSMode
from pilot.model.gateways import GatewayServers
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.model.secret import ConfigMap, Secret
from pilot.model.workload_index import WorkloadIndex
from pilot.view.credential_access import GATEWAY_SCHEME, ROOTS_SUFFIX, lookup_names

_CONFIG_MAP: Final = "configmap://"
_OWN_ROOTS: Final = (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)


@memoized(size=4)
def find(
    gateways: tuple[GatewayServers, ...], credentials: Credentials, workloads: WorkloadIndex
) -> tuple[Problem, ...]:
    """Servers that name a Secret or ConfigMap that is not there, for the namespaces of the workloads they are for."""
    made: dict[Problem, None] = {}
    for gateway in gateways:
        named = [(server, name) for server in gateway.servers for name in _names(server)]
        for namespace in _namespaces(gateway, workloads) if named else ():
            for server, name in named:
                missing = _missing(name, namespace, credentials)
                if missing:
                    made[_problem(server, missing)] = None
    return tuple(made)


def expired(credentials: Credentials, now: datetime) -> Iterator[Problem]:
    """Secrets whose certificate is past its time: it is served, and clients refuse it."""
    for namespace, secrets in sorted(credentials.secrets.items()):
        for name, secret in sorted(secrets.items()):
            end = end_of(secret)
            if end is not None and end <= now:
                message = f"expected a certificate that is valid, got one that expired at {end:%Y-%m-%dT%H:%M:%SZ}"
                yield Problem(message, ObjectKey(Secret.KIND, namespace, name), severity=Severity.WARNING)


def _names(server: GatewayServer) -> Iterator[str]:
    """SDS resources that we serve to the server. Those of Gateway API have been looked at when they were converted."""
    tls = server.server.tls
    if tls is None or server.is_converted or tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        return
    names = [resource_name(each) for each in tls.credential_names or (tls.credential_name,) if each]
    yield from names
    if tls.ca_cert_credential_name:
        yield resource_name(tls.ca_cert_credential_name)
    elif names and tls.mode in _OWN_ROOTS:
        yield f"{names[0]}{ROOTS_SUFFIX}"


def _namespaces(gateway: GatewayServers, workloads: WorkloadIndex) -> list[str]:
    """Where workloads are that serve a Gateway: its own namespace where nobody can tell."""
    if not gateway.selector:
        return [gateway.namespace]
    some = next(iter(gateway.selector.items()))
    candidates = (namespace for namespace, *pair in workloads.by_label if tuple(pair) == some)
    return sorted(each for each in candidates if next(workloads.select(each, gateway.selector), None) is not None)


def _missing(name: str, namespace: str, credentials: Credentials) -> str:
    """What a name stands for, if it is not there."""
    kind: str = Secret.KIND
    if name.startswith(KUBERNETES):
        owner, slash, rest = name.removeprefix(KUBERNETES).rpartition("/")
        place, rest = (owner, rest) if slash else (namespace, rest)
        known: object = credentials.secrets.get(place, {})
    elif name.startswith(GATEWAY_SCHEME):
        place, _, rest = name.removeprefix(GATEWAY_SCHEME).partition("/")
        known = credentials.secrets.get(place, {})
    elif name.startswith(_CONFIG_MAP):
        place, _, rest = name.removeprefix(_CONFIG_MAP).partition("/")
        known, kind = credentials.config_maps.get(place, {}), ConfigMap.KIND
    else:
        return ""
    assert isinstance(known, dict)
    candidates = lookup_names(rest) if kind == ConfigMap.KIND or rest.endswith(ROOTS_SUFFIX) else (rest,)
    return "" if any(each in known for each in candidates) else f"{kind} {place}/{rest.removesuffix(ROOTS_SUFFIX)}"


def _problem(server: GatewayServer, missing: str) -> Problem:
    origin = server.origin
    return Problem(
        f"expected {missing}, which is not there: handshakes fail",
        ObjectKey(origin.kind, origin.namespace, origin.name),
        field=f"spec.servers[{server.index}].tls",
    )
