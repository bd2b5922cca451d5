"""One object changes: what a sidecar is sent over delta is what that means for it, and nothing else."""

from itertools import count

import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.pipeline import Moment
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, SHORT_NAMES, TypeUrl
from pilot.view import node as nodes
from pilot.xds.delta import Delta
from pilot.xds.events import Nonce
from pilot.xds.requests import Request
from pilot.xds.responses import Responses
from pilot.xds.session import Session
from tests.pilot.model.meshes import mesh_of, objects, put

DOMAIN = "default.svc.cluster.local"
REVIEWS, DETAILS = (f"outbound|9080||{name}.{DOMAIN}" for name in ("reviews", "details"))
NODE = json_format.ParseDict(
    {
        "id": f"sidecar~10.1.0.9~details-0.default~{DOMAIN}",
        "metadata": {"NAMESPACE": "default", "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "details"}},
    },
    Node(),
)


def service(name: str, address: int, note: str = "") -> str:
    return f"""
kind: Service
metadata: {{name: {name}, namespace: default, annotations: {{note: "{note}"}}}}
spec: {{clusterIP: 10.96.0.{address}, selector: {{app: {name}}}, ports: [{{name: http, port: 9080}}]}}
---
"""


def endpoint(name: str, number: int, ready: str = "true") -> str:
    return f"""
kind: Pod
metadata: {{name: {name}-0, namespace: default, labels: {{app: {name}, version: v1, security.istio.io/tlsMode: istio}}}}
spec: {{serviceAccountName: {name}}}
status: {{phase: Running, podIP: 10.1.0.{number}}}
---
kind: EndpointSlice
metadata: {{name: {name}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: 9080}}]
endpoints:
- addresses: [10.1.0.{number}]
  conditions: {{ready: {ready}}}
  targetRef: {{kind: Pod, name: {name}-0, namespace: default}}
---
"""


MESH = "".join(service(name, i) + endpoint(name, i) for i, name in enumerate(("details", "reviews", "ratings"), 1))
EXTRA = service("extra", 77)
ELSEWHERE = """
kind: ServiceEntry
metadata: {name: ext, namespace: other}
spec: {hosts: [ext.example.com], ports: [{number: 9080, name: http, protocol: HTTP}], resolution: DNS}
"""
EXTERNAL = "outbound|9080||ext.example.com"
ROUTES = """
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{timeout: 3s, route: [{destination: {host: reviews}}]}]}
"""
SUBSET = """
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
"""
STRICT = """
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
"""
GATEWAY = """
kind: Gateway
metadata: {name: other, namespace: default}
spec: {selector: {istio: other}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
"""
NARROW = """
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{hosts: [./reviews.default.svc.cluster.local]}]}
"""
RATINGS = f"outbound|9080||ratings.{DOMAIN}"
Told = dict[str, tuple[list[str], list[str]]]
"""By short name of a type: resources, and names that are gone."""


class Sidecar:
    """A delta client that has everything and accepts all it gets."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.proxy = nodes.parse_node(NODE, snapshot.features)
        self.session = Session(Delta(), Responses(), (Nonce(str(number)) for number in count(1)))
        self.moment = Moment(snapshot)
        names = {ENDPOINT: frozenset((REVIEWS, DETAILS)), ROUTE: frozenset(("9080",))}
        for type_url in (CLUSTER, ENDPOINT, LISTENER, ROUTE, NAME_TABLE):
            self.session.receive(Request(type_url, names=names.get(type_url, frozenset()), node=NODE))
            assert self.take(type_url) is not None

    def take(self, type_url: TypeUrl) -> tuple[list[str], list[str]] | None:
        """The next response of a type, which is accepted; None: there is none."""
        wanted = self.session.wanted(type_url)
        found = self.moment.resources_for(self.proxy, type_url, wanted.names)
        response = self.session.respond(type_url, found) if found is not None else None
        if response is None:
            return None
        message = discovery_pb2.DeltaDiscoveryResponse.FromString(response.data)
        self.session.receive(Request(type_url, nonce=message.nonce))
        return sorted(each.name for each in message.resources), sorted(message.removed_resources)

    def push(self, snapshot: Snapshot) -> Told:
        """What it is told of a new state of the mesh."""
        self.moment = Moment(snapshot)
        told = {SHORT_NAMES[type_url]: self.take(type_url) for type_url in self.session.watched()}
        return {kind: found for kind, found in told.items() if found is not None}


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ("", ROUTES, {"RDS": (["9080"], [])}),
        ("", endpoint("reviews", 2, "false"), {"EDS": ([REVIEWS], [])}),
        ("", service("ratings", 3, "changed"), {}),
        ("", GATEWAY, {}),
        ("", STRICT, {"LDS": (["virtualInbound"], [])}),
        (
            "",
            SUBSET,
            # the cluster names its rule in its metadata; updated, it waits for its endpoints, which name theirs nowhere
            {"CDS": ([f"outbound|9080|v1|reviews.{DOMAIN}", REVIEWS], []), "EDS": ([REVIEWS], [])},
        ),
        ("", EXTRA, {"CDS": ([f"outbound|9080||extra.{DOMAIN}"], []), "RDS": (["9080"], []), "NDS": ([""], [])}),
        ("", ELSEWHERE, {"CDS": ([EXTERNAL], []), "RDS": (["9080"], [])}),
        (
            "",
            NARROW,
            {
                "CDS": ([], [DETAILS, RATINGS]),
                "EDS": ([DETAILS], []),  # asked for by name, so it is answered: there are none
                "RDS": (["9080"], []),
                "NDS": ([""], []),
            },
        ),
        (ROUTES, ROUTES.replace("3s", "5s"), {"RDS": (["9080"], [])}),
        (STRICT, STRICT, {}),
    ],
    ids=lambda value: "",
)
def test_only_what_changed_is_sent(before: str, change: str, expected: Told) -> None:
    snapshot = mesh_of(MESH + before)
    sidecar = Sidecar(snapshot)
    changed, _ = snapshot.apply(put(objects(change)))
    assert sidecar.push(changed) == expected
    assert sidecar.push(changed) == {}


@pytest.mark.parametrize("added", [EXTRA, ELSEWHERE, ROUTES, SUBSET, STRICT, NARROW], ids=lambda value: "")
def test_what_is_taken_back_is_told_as_gone_and_the_rest_as_it_was(added: str) -> None:
    snapshot = mesh_of(MESH)
    sidecar = Sidecar(snapshot)
    there, _ = snapshot.apply(put(objects(added)))
    first = sidecar.push(there)
    again, _ = there.apply([Event(each.key, None) for each in objects(added)])
    second = sidecar.push(again)
    assert first.keys() == second.keys()
    for kind in first:
        appeared, vanished = set(first[kind][0]), set(first[kind][1])
        assert set(second[kind][1]) <= appeared
        assert vanished <= set(second[kind][0])


def test_endpoints_alone_are_a_change_of_endpoints_alone() -> None:
    snapshot = mesh_of(MESH)
    _, change = snapshot.apply(put(objects(endpoint("reviews", 2, "false"))))
    assert not change.full
    assert {host for host, _ in change.hosts} == {f"reviews.{DOMAIN}"}
