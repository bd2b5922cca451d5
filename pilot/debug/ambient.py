"""The mesh as ztunnels are told: workloads, services, policies.

In: the mesh. Out: `ambientz`. Source: operations 3.2; recorded (addresses are base64 of the printable address).
"""

from base64 import b64decode, b64encode
from ipaddress import ip_address
from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as Packed

from istio_api import authorization_pb2, workload_pb2
from pilot.debug.console import Entry, Later, Question
from pilot.memo import Work
from pilot.mesh import Mesh
from pilot.pipeline import steps
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import ADDRESS, AUTHORIZATION
from pilot.view.proxy import Flavour, IpMode, Proxy, ProxyKind, Traits

_NOBODY = Proxy("", "", (), Traits(ProxyKind.ZTUNNEL, "", "", "", "", IpMode.V4, Flavour()))
_AMBIENT_OFF: dict[str, list[object]] = {"workloads": [], "services": [], "policies": []}


def entry(mesh: Mesh) -> Entry:
    """The page."""

    def page(_: Question) -> Work[object]:
        snapshot = mesh.snapshot
        if not snapshot.features.ambient:
            return _AMBIENT_OFF
        addresses = (yield from steps(snapshot, _NOBODY, ADDRESS)) or EMPTY
        policies = (yield from steps(snapshot, _NOBODY, AUTHORIZATION)) or EMPTY
        return Later(lambda: _shown(addresses, policies))

    return Entry("ambientz", "Workloads, services and policies as ztunnels have them.", page)


def _shown(addresses: ResourceSet, policies: ResourceSet) -> object:
    workloads, services = [], []
    for each in addresses.resources.values():
        address = workload_pb2.Address.FromString(Packed.FromString(each.body).value)
        if address.HasField("workload"):
            told = json_format.MessageToDict(address.workload)
            told["addresses"] = [_printable(one) for one in told.get("addresses", ())]
            workloads.append({key: value for key, value in told.items() if value})
        elif address.HasField("service"):
            services.append(_service(json_format.MessageToDict(address.service)))
    rules = (authorization_pb2.Authorization.FromString(Packed.FromString(one.body).value)
             for one in policies.resources.values())  # fmt: skip
    return {"workloads": workloads, "services": services, "policies": [json_format.MessageToDict(one) for one in rules]}


def _service(told: dict[str, Any]) -> dict[str, Any]:
    for each in told.get("addresses", ()):
        if "address" in each:
            each["address"] = _printable(each["address"])
    return told


def _printable(address: str) -> str:
    return b64encode(str(ip_address(b64decode(address))).encode()).decode()
