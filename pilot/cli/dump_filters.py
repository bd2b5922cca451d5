"""Parts of a configuration dump: only those clusters, listeners, route tables, endpoints that somebody asks for.

In: a dump and what is wanted. Out: a dump with nothing else in that section, so that tables and JSON show the same.
Source: operations 17.
"""

from collections.abc import Callable, Mapping
from typing import Final

from pilot.cli.envoy_dump import Json, listener_type, port_of, sections

Wanted = Mapping[str, str]
"""What an option asks for; empty: anything."""
_LISTS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Json], Json]]]] = {
    "ClustersConfigDump": (
        ("static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"),
        lambda each: each.get("cluster", {}),
    ),
    "ListenersConfigDump": (
        ("static_listeners", "dynamic_listeners"),
        lambda each: each.get("listener") or each.get("active_state", {}).get("listener", {}),
    ),
    "RoutesConfigDump": (
        ("static_route_configs", "dynamic_route_configs"),
        lambda each: each.get("route_config", {}),
    ),
    "EndpointsConfigDump": (
        ("static_endpoint_configs", "dynamic_endpoint_configs"),
        lambda each: each.get("endpoint_config", {}),
    ),
}


def clusters(dump: Json, wanted: Wanted) -> Json:
    """By `fqdn`, `port`, `subset`, `direction` of their names."""

    def fits(cluster: Json) -> bool:
        parts = str(cluster.get("name", "")).split("|")
        told = dict(zip(("direction", "port", "subset", "fqdn"), parts, strict=False)) if len(parts) == 4 else {}
        told = told or {"fqdn": parts[0]}
        return all(not value or told.get(key, "") == value for key, value in wanted.items())

    return _pruned(dump, "ClustersConfigDump", fits)


def listeners(dump: Json, wanted: Wanted) -> Json:
    """By `port` and `type`."""

    def fits(listener: Json) -> bool:
        told = {"port": port_of(listener), "type": listener_type(listener)}
        return all(not value or told[key] == value for key, value in wanted.items())

    return _pruned(dump, "ListenersConfigDump", fits)


def routes(dump: Json, wanted: Wanted) -> Json:
    """By `name` of the table."""
    name = wanted.get("name", "")
    return _pruned(dump, "RoutesConfigDump", lambda table: name in ("", table.get("name", "")))


def endpoints(dump: Json, wanted: Wanted) -> Json:
    """By `cluster`, `port` and `status`."""

    def fits(assignment: Json) -> bool:
        return wanted.get("cluster", "") in ("", assignment.get("cluster_name", ""))

    def remaining(assignment: Json) -> Json:
        groups = [
            {**group, "lb_endpoints": [each for each in group.get("lb_endpoints", ()) if _is_wanted(each, wanted)]}
            for group in assignment.get("endpoints", ())
        ]
        return {**assignment, "endpoints": groups}

    return _pruned(dump, "EndpointsConfigDump", fits, remaining)


def _is_wanted(endpoint: Json, wanted: Wanted) -> bool:
    return _is_at(endpoint.get("endpoint", {}), endpoint.get("health_status", "HEALTHY"), wanted)


def _is_at(place: Json, status: str, wanted: Wanted) -> bool:
    port = place.get("address", {}).get("socket_address", {}).get("port_value", "")
    told = {"port": str(port), "status": status}
    return all(not wanted.get(key) or told[key].lower() == wanted[key].lower() for key in told)


def hosts(statuses: Json, wanted: Wanted) -> Json:
    """The same of Envoy's `/clusters?format=json`."""

    def remaining(cluster: Json) -> Json:
        rows = [each for each in cluster.get("host_statuses", ()) if fits(each)]
        return {**cluster, "host_statuses": rows}

    def fits(host: Json) -> bool:
        return _is_at(host, host.get("health_status", {}).get("eds_health_status", "HEALTHY"), wanted)

    found = [each for each in statuses.get("cluster_statuses", ()) if wanted.get("cluster", "") in ("", each["name"])]
    return {**statuses, "cluster_statuses": [remaining(each) for each in found]}


def _pruned(
    dump: Json, kind: str, fits: Callable[[Json], bool], remaining: Callable[[Json], Json] | None = None
) -> Json:
    keys, message = _LISTS[kind]
    found = sections(dump)
    part = dict(found.get(kind, {}))
    for key in keys:
        if key in part:
            part[key] = [each for each in part[key] if fits(message(each))]
            if remaining is not None:
                part[key] = [{**each, "endpoint_config": remaining(message(each))} for each in part[key]]
    return {"configs": [part if name == kind else each for name, each in found.items()]}
