"""Rows of tables out of an Envoy's configuration dump, or of ours for it.

In: the JSON of `/config_dump?include_eds` (of Envoy: field_names; of the control plane: fieldNames). Out: rows of
strings under istioctl's columns. Asks nobody. Source: operations 17.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = Any
Row = tuple[str, ...]

CLUSTERS: Final = ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE")
LISTENERS: Final = ("ADDRESSES", "PORT", "MATCH", "DESTINATION")
SHORT_LISTENERS: Final = ("ADDRESSES", "PORT", "TYPE")
ROUTES: Final = ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE")
SHORT_ROUTES: Final = ("NAME", "VIRTUAL HOSTS")
ENDPOINTS: Final = ("NAME", "STATUS", "LOCALITY", "CLUSTER")
HOSTS: Final = ("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER")
EXTENSIONS: Final = ("ECDS NAME", "TYPE")
_HCM: Final = "HttpConnectionManager"
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_PLAIN: Final = re.compile(r"[a-z][A-Za-z0-9]*")
_CONFIG: Final = re.compile(r"/apis/[^/]+/[^/]+/namespaces/(?P<namespace>[^/]+)/[^/]+/(?P<name>[^/]+)$")


def sections(dump: Json) -> dict[str, Json]:
    """The parts of a dump by type, e.g. `ClustersConfigDump`, with field names as Envoy writes them."""
    return {each["@type"].rpartition(".")[2]: _snake(each) for each in dump.get("configs", ())}


def section(dump: Json, kind: str) -> Json:
    """One part of a dump; empty where it has none of that type."""
    found = [each for each in dump.get("configs", ()) if each["@type"].rpartition(".")[2] == kind]
    return _snake(found[-1]) if found else {}


def _snake(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            _CAMEL.sub(r"_\1", key).lower() if _PLAIN.fullmatch(key) else key: _snake(each)
            for key, each in value.items()
        }
    return [_snake(each) for each in value] if isinstance(value, list) else value


def clusters(dump: Json) -> list[Json]:
    """Clusters, those of the bootstrap too."""
    part = section(dump, "ClustersConfigDump")
    keys = ("static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters")
    return [each["cluster"] for key in keys for each in part.get(key, ())]


def cluster_rows(dump: Json) -> list[Row]:
    """By name."""
    return sorted((_cluster_row(each) for each in clusters(dump)), key=lambda row: (row[0], row[1], row[2]))


def _cluster_row(cluster: Json) -> Row:
    parts = cluster["name"].split("|")
    if len(parts) == 4:
        direction, port, subset, host = parts
        place = (host, port or "-", subset or "-", direction)
    else:
        place = (cluster["name"], "-", "-", "-")
    kind = cluster.get("type") or cluster.get("cluster_type", {}).get("name") or "STATIC"
    return (*place, kind, _origin(cluster))


def _origin(message: Json) -> str:
    """`name.namespace` of the object that made something, as its metadata says."""
    config = message.get("metadata", {}).get("filter_metadata", {}).get("istio", {}).get("config", "")
    found = _CONFIG.search(config)
    return f"{found['name']}.{found['namespace']}" if found else ""


def listeners(dump: Json) -> list[Json]:
    """Listeners, those of the bootstrap too."""
    part = section(dump, "ListenersConfigDump")
    dynamic = [each["active_state"]["listener"] for each in part.get("dynamic_listeners", ()) if "active_state" in each]
    return [*(each["listener"] for each in part.get("static_listeners", ())), *dynamic]


def listener_rows(dump: Json) -> list[Row]:
    """One for each filter chain, by port."""
    rows = [row for each in listeners(dump) for row in _chains(each)]
    return sorted(rows, key=lambda row: (int(row[1]) if row[1].isdecimal() else 0, row[0]))


def short_listener_rows(dump: Json) -> list[Row]:
    """One for each listener, by port."""
    rows = [(_addresses(each), port_of(each), listener_type(each)) for each in listeners(dump)]
    return sorted(rows, key=lambda row: (int(row[1]) if row[1].isdecimal() else 0, row[0]))


def listener_type(listener: Json) -> str:
    """What it takes: `HTTP`, `TCP`, `HTTP+TCP` or `UNKNOWN`."""
    found = set()
    for chain in _filter_chains(listener):
        kinds = {each.get("typed_config", {}).get("@type", "").rpartition(".")[2] for each in chain.get("filters", ())}
        found |= {"HTTP"} if _HCM in kinds else {"TCP"} if "TcpProxy" in kinds else set()
    return "+".join(sorted(found)) or "UNKNOWN"


def port_of(listener: Json) -> str:
    """Empty for sockets that have none."""
    return next((_port(each) for each in _all_addresses(listener) if _port(each)), "")


def _all_addresses(listener: Json) -> list[Json]:
    more = (each.get("address", {}) for each in listener.get("additional_addresses", ()))
    return [listener.get("address", {}), *more]


def _addresses(listener: Json) -> str:
    return ",".join(filter(None, map(_address, _all_addresses(listener))))


def _filter_chains(listener: Json) -> list[Json]:
    return [*listener.get("filter_chains", ()), *filter(None, [listener.get("default_filter_chain")])]


def _chains(listener: Json) -> Iterator[Row]:
    shown, port = _addresses(listener), port_of(listener)
    for each in _filter_chains(listener):
        yield shown, port, _match(each.get("filter_chain_match", {})), _destination(each.get("filters", ()))


def _address(address: Json) -> str:
    if "pipe" in address:
        return f"unix://{address['pipe'].get('path', '')}"
    return str(
        address.get("socket_address", {}).get("address")
        or address.get("envoy_internal_address", {}).get("server_listener_name", "")
    )


def _port(address: Json) -> str:
    return str(address.get("socket_address", {}).get("port_value") or "")


def _match(match: Json) -> str:
    parts = []
    for label, key in (("SNI", "server_names"), ("App", "application_protocols")):
        if match.get(key):
            parts.append(f"{label}: {','.join(match[key])}")
    if match.get("transport_protocol"):
        parts.insert(
            len(parts) if not parts or not parts[-1].startswith("App") else len(parts) - 1,
            f"Trans: {match['transport_protocol']}",
        )
    ranges = [
        f"{each.get('address_prefix', '')}/{each.get('prefix_len', 0)}" for each in match.get("prefix_ranges", ())
    ]
    port = match.get("destination_port")
    if ranges:
        parts.append(f"Addr: {','.join(ranges)}" + (f":{port}" if port else ""))
    elif port:
        parts.append(f"Addr: *:{port}")
    return "; ".join(parts) or "ALL"


def _destination(filters: Json) -> str:
    for each in filters:
        config = each.get("typed_config", {})
        kind = config.get("@type", "").rpartition(".")[2]
        if kind == _HCM:
            if "rds" in config:
                return f"Route: {config['rds']['route_config_name']}"
            hosts = config.get("route_config", {}).get("virtual_hosts", ())
            inline = [_route_match(route.get("match", {})) for host in hosts for route in host.get("routes", ())]
            return f"Inline Route: {', '.join(inline)}"
        if kind == "TcpProxy":
            cluster = config.get("cluster") or ", ".join(
                one.get("name", "") for one in config.get("weighted_clusters", {}).get("clusters", ())
            )
            return cluster if cluster == "PassthroughCluster" else f"Cluster: {cluster}"
    return "Non-HTTP/Non-TCP"


def route_tables(dump: Json) -> list[Json]:
    """Route configurations, those of the bootstrap too."""
    part = section(dump, "RoutesConfigDump")
    return [
        each["route_config"] for key in ("static_route_configs", "dynamic_route_configs") for each in part.get(key, ())
    ]


def route_rows(dump: Json) -> list[Row]:
    """One for each route, in their order; tables by name."""
    rows: list[Row] = []
    for table in sorted(route_tables(dump), key=lambda each: str(each.get("name", ""))):
        for host in table.get("virtual_hosts", ()):
            place = (table.get("name", ""), host.get("name", ""), _domains(host.get("domains", ())))
            routes = host.get("routes", ())
            rows += [(*place, _route_match(each.get("match", {})), _origin(each)) for each in routes]
            if not routes:
                rows.append((*place, "", "404"))
    return rows


def short_route_rows(dump: Json) -> list[Row]:
    """One for each table, by name."""
    return sorted((str(each.get("name", "")), str(len(each.get("virtual_hosts", ())))) for each in route_tables(dump))


def _domains(domains: Json) -> str:
    shortest = sorted(domains, key=lambda each: (not any(map(str.isalpha, each)), len(each)))
    shown = ", ".join(shortest[:2])
    return shown if len(domains) <= 2 else f"{shown} + {len(domains) - 2} more..."


def _route_match(match: Mapping[str, Json]) -> str:
    if "path" in match:
        return str(match["path"])
    if "path_separated_prefix" in match:
        return f"PathPrefix:{match['path_separated_prefix']}"
    if "safe_regex" in match:
        return f"regex {match['safe_regex'].get('regex', '')}"
    return f"{match.get('prefix', '')}*"


def endpoint_rows(dump: Json) -> list[Row]:
    """Of the endpoints in a dump."""
    part = section(dump, "EndpointsConfigDump")
    every = [*part.get("static_endpoint_configs", ()), *part.get("dynamic_endpoint_configs", ())]
    rows: list[Row] = []
    for each in every:
        assignment = each["endpoint_config"]
        for locality in assignment.get("endpoints", ()):
            for one in locality.get("lb_endpoints", ()):
                place = _place(one.get("endpoint", {}).get("address", {}))
                health, name = one.get("health_status", "HEALTHY"), assignment.get("cluster_name", "")
                rows.append((place, health, _locality(locality.get("locality", {})), name))
    return sorted(rows, key=lambda row: (row[3], row[0]))


def _locality(told: Json) -> str:
    return "/".join(filter(None, (told.get("region"), told.get("zone"), told.get("sub_zone"))))


def host_rows(statuses: Json) -> list[Row]:
    """Of Envoy's `/clusters?format=json`."""
    rows: list[Row] = []
    for cluster in statuses.get("cluster_statuses", ()):
        for host in cluster.get("host_statuses", ()):
            health = host.get("health_status", {})
            outlier = "FAILED" if health.get("failed_outlier_check") else "OK"
            rows.append(
                (_place(host.get("address", {})), health.get("eds_health_status", "HEALTHY"), outlier, cluster["name"])
            )
    return sorted(rows, key=lambda row: (row[3], row[0]))


def _place(address: Json) -> str:
    port = _port(address)
    host = _address(address)
    return f"{host}:{port}" if port else host


def extension_rows(dump: Json) -> list[Row]:
    """Filters that come over ECDS."""
    found = (each.get("ecds_filter", {}) for each in section(dump, "EcdsConfigDump").get("ecds_filters", ()))
    return sorted((each.get("name", ""), each.get("typed_config", {}).get("@type", "")) for each in found)
