"""The way of one request through a proxy: listener, filter chain, route, cluster, endpoints, and the server's side.

In: a snapshot, a proxy, a request. Out: an `Explanation`. It reads the very resources that the proxy is served, and
does with them what Envoy would do; what depends on chance (weights, health) is told, not decided. Pure.
"""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2

from pilot.explain import enforcement, routing
from pilot.explain.answer import Explanation
from pilot.explain.chains import Connection, find_chain
from pilot.explain.decisions import Arrival
from pilot.explain.held import Having, Held, http_manager, proxy_of
from pilot.explain.request import Request
from pilot.generators.service_address import service_address
from pilot.memo import Work
from pilot.model.service import Service
from pilot.model.snapshot import Snapshot
from pilot.type_urls import CLUSTER, ENDPOINT, ROUTE
from pilot.view import build
from pilot.view.proxy import Proxy, ProxyKind

_PLAIN = ("http/1.1", "h2c")
_MESH = ("istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2")
Shares = tuple[tuple[str, int], ...]
"""Names of clusters, and their weights."""
MOST = 5
"""Endpoints that are shown of a cluster."""


def explain(snapshot: Snapshot, proxy: Proxy, request: Request) -> Work[Explanation]:
    """What would happen to a request that reaches a proxy: of a sidecar from its own workload, else from outside.

    In pieces, between which others may run.
    """
    told = Explanation(proxy.id, f"{request.method} {request.url}")
    having = Having(snapshot, proxy)
    if proxy.traits.kind is ProxyKind.SIDECAR:
        request = replace(request, identity=_identity(snapshot, proxy), source=(*proxy.ip_addresses, "")[0])
        target = _resolve(having, request)
        told.step("address", f"{target[0]}:{target[1]}", (target[2],), target[3])
        return (yield from _through(having, request, (target[0], target[1]), told))
    port, why = _gateway_port(having, request.port)
    told.step("address", f"the gateway:{port}", (why,))
    return (yield from _through(having, request, ("0.0.0.0", port), told))


def _identity(snapshot: Snapshot, proxy: Proxy) -> str:
    account = proxy.service_account or "default"
    return snapshot.settings.spiffe_id(proxy.traits.namespace, account)


def _resolve(having: Having, request: Request) -> tuple[str, int, str, tuple[Any, ...]]:
    """Address, port, how it was found, and the service."""
    service = _service(having, request.host)
    if service is None:
        try:
            ip_address(request.host)
            return request.host, request.port, "", ()
        except ValueError:
            # any address does: nothing of the mesh has it
            return "192.0.2.1", request.port, f"{request.host} is no service that this proxy sees: DNS decides", ()
    where = service_address(service, having.proxy.traits, having.snapshot.features)
    unknown = "no port of the service" if service.port(request.port) is None else ""
    return where.primary, request.port, unknown, (service.origin,)


def _service(having: Having, host: str) -> Service | None:
    """By its name, shortened as resolvers of the workload allow, or by its address."""
    traits, features = having.proxy.traits, having.snapshot.features
    suffix = f"svc.{features.cluster_domain}"
    names = (host, f"{host}.{traits.namespace}.{suffix}", f"{host}.{suffix}", f"{host}.{features.cluster_domain}")
    seen = build.build(having.snapshot, having.proxy).scope.services
    for name in names:
        for each in seen:
            if each.hostname == name:
                return each
    return next((each for each in seen if host in service_address(each, traits, features).names), None)


def _gateway_port(having: Having, port: int) -> tuple[int, str]:
    """The port of the pods behind a port of the gateway's service."""
    for target in build.build(having.snapshot, having.proxy).workload.targets:
        if target.port.number == port and target.target_port != port:
            return target.target_port, f"port {port} of {target.service.hostname}"
    return port, ""


def _through(having: Having, request: Request, target: tuple[str, int], told: Explanation) -> Work[Explanation]:
    """From a listener on."""
    listener = yield from _listener(having, *target)
    if listener is None:
        return told.end(f"connection refused: nothing listens at {target[0]}:{target[1]}")
    told.step("listener", listener.message.name, (), listener.resource.origins)
    secure = request.scheme == "https"
    sidecar = having.proxy.traits.kind is ProxyKind.SIDECAR
    name = request.host if secure else ""
    chain = find_chain(listener.message, Connection(*target, name, secure, () if secure else _PLAIN))
    if chain is None:
        return told.end("the connection is closed: no filter chain takes it")
    return (yield from _chain(having, request, chain, secure and sidecar, told))


def _listener(having: Having, address: str, port: int) -> Work[Held | None]:
    """The one of an address and port, of any address, or the one that takes what nobody else does."""
    found = {}
    for each in (yield from having.listeners()):
        where = each.message.address.socket_address
        found[f"{where.address}:{where.port_value}"] = each
    for host in (address, "0.0.0.0", "::"):
        if f"{host}:{port}" in found:
            return found[f"{host}:{port}"]
    for each in found.values():  # without interception workloads dial listeners themselves, wherever these are
        own = each.message
        intercepted = own.HasField("bind_to_port") and not own.bind_to_port.value
        if own.address.socket_address.port_value == port and not intercepted and not own.name.startswith("virtual"):
            return each
    named = {each.message.name: each for each in found.values()}
    return named.get("virtualOutbound")


def _chain(having: Having, request: Request, chain: Any, opaque: bool, told: Explanation) -> Work[Explanation]:
    """From a filter chain on."""
    for each in chain.filters:
        manager = http_manager(each)
        if manager is not None:
            told.step("filter chain", chain.name or "(unnamed)", ("speaks HTTP",))
            return (yield from _http(having, request, manager, told))
        if each.typed_config.Is(tcp_proxy_pb2.TcpProxy.DESCRIPTOR):
            tcp = tcp_proxy_pb2.TcpProxy()
            each.typed_config.Unpack(tcp)
            reason = "TLS of the application: passed on as it is" if opaque else "passed on as bytes, without routes"
            told.step("filter chain", chain.name or "(unnamed)", (reason,))
            shares = tuple((one.name, int(one.weight)) for one in tcp.weighted_clusters.clusters) or ((tcp.cluster, 0),)
            return (yield from _clusters(having, request, shares, told))
    return told.end("the connection is closed: the filter chain leads nowhere")


def _http(having: Having, request: Request, manager: Any, told: Explanation) -> Work[Explanation]:
    if having.proxy.traits.kind is not ProxyKind.SIDECAR:
        address = (*having.proxy.ip_addresses, "")[0]
        arrival = Arrival(address, request.port, request.host if request.scheme == "https" else "")
        refused = _enforce("policies of the gateway", manager.http_filters, request, arrival, told)
        if refused:
            return told.end(f"403: {refused}")
    if manager.WhichOneof("route_specifier") == "rds":
        name = manager.rds.route_config_name
        held = yield from having.one(ROUTE, name)
        if held is None:
            return told.end(f"404: the routes {name} are not there")
        routes, origins = held.message, held.resource.origins
    else:
        routes, origins = manager.route_config, ()
    found = routing.choose(routes, request)
    told.step("route", found.name, found.notes, routing.origins_of(found, origins))
    if found.ended:
        return told.end(found.ended, allowed=found.is_answer)
    return (yield from _clusters(having, routing.rewritten(found, request), found.clusters, told))


def _clusters(having: Having, request: Request, shares: Shares, told: Explanation) -> Work[Explanation]:
    """All clusters that a request may go to."""
    total = sum(weight for _, weight in shares)
    ends = []
    for name, weight in shares:
        share = f"{100 * weight // total}% of requests" if len(shares) > 1 and total else ""
        if share and not weight:
            continue
        ends.append((yield from _cluster(having, request, name, share, told)))
    bad = [end for end, good in ends if not good]
    if bad:
        return told.end("; ".join(dict.fromkeys(bad)))
    return told.end("; ".join(dict.fromkeys(end for end, _ in ends)) or "503: no cluster", allowed=bool(ends))


def _cluster(having: Having, request: Request, name: str, share: str, told: Explanation) -> Work[tuple[str, bool]]:
    """The end of one cluster, and whether it is a good one."""
    held = yield from having.one(CLUSTER, name)
    if held is None:
        told.step("cluster", name, (share, "it does not exist"))
        return f"503: cluster {name} does not exist", False
    secured = bool(held.message.HasField("transport_socket") or held.message.transport_socket_matches)
    notes = (share, "mutual TLS where the endpoint has a proxy" if secured else "")
    told.step("cluster", name, notes, held.resource.origins)
    if name == "BlackHoleCluster":
        return "refused: outbound traffic to unknown hosts is not allowed (outboundTrafficPolicy REGISTRY_ONLY)", False
    if name in ("PassthroughCluster", "InboundPassthroughCluster"):
        return f"sent as it is to {request.host}:{request.port}", True
    if held.message.HasField("load_assignment"):
        assignment, origins = held.message.load_assignment, held.resource.origins
    else:
        found = yield from having.one(ENDPOINT, held.message.eds_cluster_config.service_name or name)
        assignment, origins = (found.message, found.resource.origins) if found is not None else (None, ())
    places = [each for group in (assignment.endpoints if assignment is not None else ()) for each in group.lb_endpoints]
    addresses = [_address(each) for each in places]
    more = f"and {len(addresses) - MOST} more" if len(addresses) > MOST else ""
    told.step("endpoints", ", ".join(addresses[:MOST]) or "none", (more,), origins)
    if not places:
        return "503 UH: there is no endpoint", False
    return (yield from _server(having, request, places[0], secured, told))


def _address(endpoint: Any) -> str:
    where = endpoint.endpoint.address
    if where.WhichOneof("address") == "socket_address":
        return f"{where.socket_address.address}:{where.socket_address.port_value}"
    return str(where.pipe.path or where.envoy_internal_address.endpoint_id)


def _server(
    having: Having, request: Request, endpoint: Any, secured: bool, told: Explanation
) -> Work[tuple[str, bool]]:
    """What the proxy beside the first endpoint would say."""
    address, _, port = _address(endpoint).rpartition(":")
    there = having.snapshot.workloads.at(address)
    if not there or not port.isdecimal():
        return f"answered by {_address(endpoint)}, which is outside the mesh or unknown", True
    workload = there[0]
    if workload.tls_mode != "istio":
        return f"answered by {workload.namespace}/{workload.name}, which has no proxy", True
    serving = Having(having.snapshot, proxy_of(having.snapshot, workload, ProxyKind.SIDECAR))
    listeners = yield from serving.listeners()
    inbound = next((each for each in listeners if each.message.name == "virtualInbound"), None)
    if inbound is None:
        return f"answered by {workload.namespace}/{workload.name}", True
    connection = Connection(address, int(port), "", secured, _MESH if secured else _PLAIN)
    chain = find_chain(inbound.message, connection)
    if chain is None:
        told.step("server", f"{workload.namespace}/{workload.name}", ("it takes mutual TLS only",))
        return "503: the server's proxy takes mutual TLS only, and this comes in plain text", False
    if having.proxy.traits.kind is not ProxyKind.SIDECAR:
        request = replace(request, source=(*having.proxy.ip_addresses, "")[0])
    arriving = replace(request, identity=_identity(having.snapshot, having.proxy) if secured else "")
    server = f"server {workload.namespace}/{workload.name}"
    policies = [each for each in inbound.resource.origins if each.kind in _POLICIES]
    refused = _enforce(server, _filters(chain), arriving, Arrival(address, int(port)), told, policies)
    if refused:
        return f"403: {refused}", False
    return f"answered by {workload.namespace}/{workload.name} at {address}:{port}", True


_POLICIES = frozenset(("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"))


def _filters(chain: Any) -> list[Any]:
    """Of the connection manager, or of the chain where it has none."""
    for each in chain.filters:
        manager = http_manager(each)
        if manager is not None:
            return list(manager.http_filters)
    return list(chain.filters)


def _enforce(
    where: str, filters: Any, request: Request, arrival: Arrival, told: Explanation, policies: Any = ()
) -> str:
    """Tells what the filters say; the reason of a refusal, or empty."""
    notes, refused = [f"client is {request.identity}" if request.identity else "client proves no identity"], ""
    for each in enforcement.verdicts(filters, request, arrival):
        notes.append(each.note)
        if each.refuses:
            refused = each.note
            break
    if len(notes) == 1:
        notes.append("no policy is enforced")
    told.step("policies", where, notes, policies)
    return refused
