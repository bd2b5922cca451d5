"""Mistakes made in the directory of a running control plane: the log says what is wrong, the rest is served.

A real process watches the directory, a real client asks over ADS.
"""

import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from envoy.config.route.v3 import route_pb2

from pilot.type_urls import CLUSTER, ENDPOINT, ROUTE, TypeUrl
from tests.control_plane import ControlPlane, running
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client, Said

LIVE_WITHIN = 5.0
"""Seconds until an edit is live; one is promised, and this machine may be busy."""

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  clusterIP: 10.96.0.{number}
  ports: [{{name: http, port: 80}}]
"""
ENDPOINTS = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: one-a, namespace: default, labels: {kubernetes.io/service-name: one}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- addresses: [10.1.0.1]
"""
ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one, namespace: default}
spec:
  hosts: [one]
  http:
  - timeout: 7s
    route:
    - destination: {host: one}
      weight: 1
"""
GOOD = {
    "services.yaml": f"{SERVICE.format(name='one', number=1)}---\n{SERVICE.format(name='two', number=2)}",
    "endpoints.yaml": ENDPOINTS,
    "routes.yaml": ROUTES,
}
NEW = SERVICE.format(name="new", number=9)


@dataclass(frozen=True)
class Mistake:
    """An edit, where the log says it is wrong, and what is served of the object afterwards."""

    file: str
    old: str
    new: str
    line: int
    said: str
    endpoints: frozenset[str] = frozenset({"10.1.0.1"})
    clusters: frozenset[str] = field(default=frozenset({"one", "two", "new"}))


STAYS = "; its last good version stays"
MISTAKES = {
    "broken-yaml": Mistake(
        "services.yaml",
        "10.96.0.1\n  ports: [{name: http, port: 80}]",
        "10.96.0.1\n  ports: [{name: http, port: 81]",
        6,
        f"Service default/one: broken YAML: while parsing a flow mapping, did not find expected ',' or '}}'{STAYS}",
    ),
    "unknown-field": Mistake(
        "routes.yaml",
        "  - timeout: 7s\n    route:",
        "  - timeout: 8s\n    rout:",
        8,
        f"VirtualService default/one: spec.http[0].rout: unknown field, did you mean route?{STAYS}",
    ),
    "wrong-type": Mistake(
        "routes.yaml",
        "weight: 1",
        "weight: many",
        10,
        f"VirtualService default/one: spec.http[0].route[0].weight: "
        f'expected a whole number, got the string "many"{STAYS}',
    ),
    "duplicate-object": Mistake(
        "services.yaml",
        "name: two",
        "name: one",
        8,
        "Service default/one: given twice: the one at {directory}/services.yaml:1 counts, this one is ignored",
        clusters=frozenset({"one", "new"}),
    ),
    "bad-ip": Mistake(
        "endpoints.yaml",
        "- addresses: [10.1.0.1]",
        "- addresses: [10.1.0.2]\n- addresses: [10.1.0.300]",
        8,
        'EndpointSlice default/one-a: endpoints[1].addresses[0]: expected an IPv4 address, got the string "10.1.0.300"',
        endpoints=frozenset({"10.1.0.2"}),
    ),
}


@pytest.fixture
async def control_plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    with network() as addresses:
        plane = ControlPlane(addresses.address(1), tmp_path / "mesh", tmp_path)
        plane.manifests.mkdir()
        for name, text in GOOD.items():
            (plane.manifests / name).write_text(text)
        async with running(plane):
            yield plane


@dataclass(frozen=True)
class Served:
    """What a sidecar in `default` gets."""

    clusters: frozenset[str]
    endpoints: frozenset[str]
    """Of `one`."""
    timeout: int
    """Seconds, of the route to `one`."""


async def ask(plane: ControlPlane) -> Served:
    """Plays a proxy that has just come."""
    async with grpc.aio.insecure_channel(plane.grpc) as channel:
        client = Client(channel, delta=False)
        clusters = (await answer(client, CLUSTER)).names
        assigned = await answer(client, ENDPOINT, "outbound|80||one.default.svc.cluster.local")
        routes = await answer(client, ROUTE, "80")
        client.call.cancel()
    names = [each.split("|") for each in clusters if each.startswith("outbound|")]
    (hosts,) = [route_pb2.RouteConfiguration.FromString(each.value) for each in routes.message.resources]
    timeouts = [
        host.routes[0].route.timeout.seconds for host in hosts.virtual_hosts if host.name.startswith("one.default.")
    ]
    return Served(
        frozenset(host.partition(".")[0] for _, _, _, host in names),
        frozenset(found for found in ("10.1.0.1", "10.1.0.2", "10.1.0.300") if found.encode() in assigned.raw),
        timeouts[0],
    )


async def answer(client: Client, type_url: TypeUrl, *names: str) -> Said:
    """The answer to a question; a push of what was asked for earlier may come in between."""
    await client.send(type_url, *names)
    while (said := await client.receive()).type_url != type_url:
        pass
    return said


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_is_told_with_its_place_and_the_rest_is_served(
    control_plane: ControlPlane, mistake: Mistake
) -> None:
    assert await ask(control_plane) == Served(frozenset({"one", "two"}), frozenset({"10.1.0.1"}), 7)
    edited = control_plane.manifests / mistake.file
    text = edited.read_text()
    assert text.count(mistake.old) == 1
    (control_plane.manifests / "new.yaml").write_text(NEW)
    edited.write_text(text.replace(mistake.old, mistake.new))
    said = mistake.said.replace("{directory}", str(control_plane.manifests))
    await eventually(functools.partial(control_plane.lines, "\tfile\t", f"{edited}:{mistake.line}: {said}"))

    wanted = Served(mistake.clusters, mistake.endpoints, 7)
    await eventually(functools.partial(is_served, control_plane, wanted), within=LIVE_WITHIN)

    edited.write_text(text.replace("timeout: 7s", "timeout: 9s"))  # and once more, without the mistake
    repaired = Served(frozenset({"one", "two", "new"}), frozenset({"10.1.0.1"}), 9 if "timeout" in text else 7)
    await eventually(functools.partial(is_served, control_plane, repaired), within=LIVE_WITHIN)
    assert len(control_plane.lines(str(edited))) == 1
    assert control_plane.lines("\tads\t", "generation failed") == control_plane.lines("Traceback") == []


async def is_served(plane: ControlPlane, wanted: Served) -> bool:
    """Whether a proxy that comes now gets this."""
    return await ask(plane) == wanted
