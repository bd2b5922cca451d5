"""Rows of tables out of what a ztunnel has, or out of what we tell ztunnels.

In: the JSON of a ztunnel's `/config_dump`, or of our `ambientz`, which is brought into the same shape. Out: rows of
strings under istioctl's columns. Asks nobody. Source: operations 17; workload discovery, xDS behaviour 8.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final

Json = Any
Row = tuple[str, ...]

WORKLOADS: Final = ("NAMESPACE", "POD NAME", "ADDRESS", "NODE", "WAYPOINT", "PROTOCOL")
SERVICES: Final = ("NAMESPACE", "SERVICE NAME", "SERVICE VIP", "WAYPOINT", "ENDPOINTS")
POLICIES: Final = ("NAMESPACE", "POLICY NAME", "ACTION", "SCOPE")
CERTIFICATES: Final = (
    "CERTIFICATE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE",
)  # fmt: skip
CONNECTIONS: Final = ("WORKLOAD", "DIRECTION", "LOCAL", "REMOTE", "REMOTE TARGET", "PROTOCOL")
_NONE: Final = "None"
_UNKNOWN: Final = "NA"
_AVAILABLE: Final = "Available"
_HBONE: Final = "HBONE"


def workload_rows(dump: Json) -> list[Row]:
    """By namespace, then name."""
    names = _waypoint_names(dump)
    return sorted(
        (
            each.get("namespace", ""),
            each.get("name", ""),
            ",".join(each.get("workloadIps") or ()) or each.get("hostname", ""),
            each.get("node", ""),
            _waypoint(each, names),
            each.get("protocol", ""),
        )
        for each in dump.get("workloads", ())
    )


def service_rows(dump: Json) -> list[Row]:
    """By namespace, then name; endpoints: the healthy ones of all."""
    names = _waypoint_names(dump)
    return sorted(
        (
            each.get("namespace", ""),
            each.get("name", ""),
            ",".join(_address(vip) for vip in each.get("vips") or ()),
            _waypoint(each, names),
            _endpoints(each),
        )
        for each in dump.get("services", ())
    )


def policy_rows(dump: Json) -> list[Row]:
    """By namespace, then name."""
    return sorted(
        (each.get("namespace", ""), each.get("name", ""), each.get("action", ""), each.get("scope", ""))
        for each in dump.get("policies", ())
    )


def certificate_rows(dump: Json, now: datetime) -> list[Row]:
    """One for each certificate: of a workload, of who signed it, of a root; by identity."""
    ordered = sorted(dump.get("certificates", ()), key=lambda each: str(each.get("identity", "")))
    return [row for each in ordered for row in _certificates(each, now)]


def _certificates(held: Mapping[str, Json], now: datetime) -> Iterator[Row]:
    name, state = held.get("identity", ""), held.get("state", "")
    chain = held.get("certChain") or ()
    if state != _AVAILABLE or not chain:
        yield name, _UNKNOWN, state, "false", _UNKNOWN, _UNKNOWN, _UNKNOWN
        return
    kinds = ["Leaf", *["Intermediate"] * (len(chain) - 1)]
    for kind, each in [*zip(kinds, chain, strict=True), *(("Root", each) for each in held.get("rootCerts") or ())]:
        begins, ends = each.get("validFrom", ""), each.get("expirationTime", "")
        valid = bool(begins and ends) and datetime.fromisoformat(begins) <= now <= datetime.fromisoformat(ends)
        yield name, kind, state, str(valid).lower(), _serial(each.get("serialNumber", "")), ends, begins


def _serial(text: str) -> str:
    """In hexadecimal, as other tools write it; a ztunnel writes it in decimal."""
    return f"{int(text):x}" if text.isascii() and text.isdecimal() else text


def connection_rows(dump: Json, *, raw: bool = False) -> list[Row]:
    """By workload; names in place of addresses where they are known, unless `raw`."""
    names = {} if raw else _names(dump)
    states = (dump.get("workloadState") or {}).values()
    return sorted(row for each in states for row in _connections(each, names))


def _connections(state: Mapping[str, Json], names: Mapping[str, str]) -> Iterator[Row]:
    about, open_now = state.get("info") or {}, state.get("connections") or {}
    workload = f"{about.get('name', '')}.{about.get('namespace', '')}"
    for direction, near, far in (("Inbound", "actualDst", "src"), ("Outbound", "src", "actualDst")):
        for each in open_now.get(direction.lower()) or ():
            places = (_named(each.get(key) or "", names) for key in (near, far, "originalDst"))
            yield workload, direction, *places, each.get("protocol", "")


def _names(dump: Json) -> Mapping[str, str]:
    """By IP address: `pod.namespace`, or the host name of a service."""
    found = {_address(vip): each.get("hostname", "") for each in dump.get("services", ()) for vip in each["vips"]}
    for each in dump.get("workloads", ()):
        found.update((ip, f"{each.get('name', '')}.{each.get('namespace', '')}") for ip in each["workloadIps"])
    return found


def _named(place: str, names: Mapping[str, str]) -> str:
    host, colon, port = place.rpartition(":")
    return f"{names.get(host.strip('[]')) or host}{colon}{port}"


def _address(text: str) -> str:
    """Of `network/address`."""
    return text.rpartition("/")[2]


def _waypoint_names(dump: Json) -> Mapping[str, str]:
    """Names of services by everything that a waypoint may be called."""
    found: dict[str, str] = {}
    for each in dump.get("services", ()):
        name = each.get("name", "")
        found[f"{each.get('namespace', '')}/{each.get('hostname', '')}"] = name
        found.update((vip, name) for vip in each.get("vips") or ())
    return found


def _waypoint(told: Mapping[str, Json], names: Mapping[str, str]) -> str:
    destination = (told.get("waypoint") or {}).get("destination", "")
    return names.get(destination, destination) or _NONE


def _endpoints(service: Mapping[str, Json]) -> str:
    found = (service.get("endpoints") or {}).values()
    healthy = sum(each.get("status", "Healthy") == "Healthy" for each in found)
    return f"{healthy}/{len(found)}"


def from_control_plane(told: Json) -> Json:
    """`ambientz` in the shape of a ztunnel's dump: workloads, services with their endpoints, and policies."""
    workloads = [_workload(each) for each in told.get("workloads", ())]
    endpoints: dict[str, dict[str, Json]] = {}
    for each in workloads:
        for service in each["services"]:
            one = {"workloadUid": each["uid"], "status": each["status"]}
            endpoints.setdefault(service, {})[each["uid"]] = one
    services = [_service(each, endpoints) for each in told.get("services", ())]
    policies = [{"scope": "GLOBAL", "action": "ALLOW"} | each for each in told.get("policies", ())]
    named = [each | {key: _pascal(each[key]) for key in ("scope", "action")} for each in policies]
    return {"workloads": workloads, "services": services, "policies": named}


def _workload(told: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: value for key, value in told.items() if key not in ("addresses", "tunnelProtocol")}
    return kept | {
        "workloadIps": [_decoded(each) for each in told.get("addresses", ())],
        "protocol": _HBONE if told.get("tunnelProtocol") == _HBONE else "TCP",
        "status": _pascal(told.get("status", "HEALTHY")),
        "services": sorted(told.get("services", ())),
        **_tunnel_ends(told),
    }


def _service(told: Mapping[str, Json], endpoints: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: value for key, value in told.items() if key not in ("addresses", "ports")}
    return kept | {
        "vips": [_network_address(each) for each in told.get("addresses", ())],
        "ports": {str(each["servicePort"]): each.get("targetPort", 0) for each in told.get("ports", ())},
        "endpoints": endpoints.get(f"{told.get('namespace', '')}/{told.get('hostname', '')}", {}),
        **_tunnel_ends(told),
    }


def _tunnel_ends(told: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key in ("waypoint", "networkGateway"):
        if key in told:
            host, address = told[key].get("hostname"), told[key].get("address")
            destination = f"{host['namespace']}/{host['hostname']}" if host else _packed_address(address or {})
            found[key] = {"destination": destination, "hboneMtlsPort": told[key].get("hboneMtlsPort", 0)}
    return found


def _network_address(told: Mapping[str, Json]) -> str:
    return f"{told.get('network', '')}/{_decoded(told.get('address', ''))}"


def _packed_address(told: Mapping[str, Json]) -> str:
    """Of a gateway, whose address is told in bytes; those of workloads and services are told as text."""
    return f"{told.get('network', '')}/{ip_address(b64decode(told.get('address', '')))}"


def _decoded(text: str) -> str:
    return b64decode(text).decode()


def _pascal(text: str) -> str:
    """`WORKLOAD_SELECTOR` as a ztunnel writes it."""
    return "".join(part.capitalize() for part in text.split("_"))
