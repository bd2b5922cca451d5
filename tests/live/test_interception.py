"""Traffic that is intercepted as in a pod: REDIRECT, TPROXY, original destinations, sniffing, headless services."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests import control_plane
from tests.envoys import newest_envoy
from tests.live import namespaces
from tests.live.pods import (
    CLIENT,
    DB_0,
    DB_1,
    HEADLESS,
    HTTP,
    KEEPER,
    KEEPER_VIP,
    SIDECARS,
    STRANGER,
    TCP,
    TCP_VIP,
    UNLISTED,
    UNNAMED,
    WEB,
    WEB_VIP,
    Pods,
    playing,
)
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CLIENT_ID = "spiffe://cluster.local/ns/shop/sa/client"
ENVOY_SOURCE = "127.0.0.6"
"""From where a sidecar dials its workload with REDIRECT, so that its own traffic is told apart."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pods(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pods]:
    """One mesh for every test of this module."""
    namespaces.require()
    async with playing(tmp_path_factory.mktemp("pods"), newest_envoy()) as found:
        yield found


async def test_redirected_http_on_an_unnamed_port_is_sniffed_and_authenticated(pods: Pods) -> None:
    status, seen = await pods.get(CLIENT, WEB_VIP, UNNAMED)
    assert status == 200
    assert (seen.app, seen.peer, seen.caller) == (WEB, ENVOY_SOURCE, CLIENT_ID)


SNIFFED = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{uri: {prefix: /fixed}}]
    directResponse: {status: 203}
  - route: [{destination: {host: web}}]
    headers: {request: {set: {x-routed: "yes"}}}
"""


async def test_routes_hold_for_sniffed_http_and_bytes_on_the_same_port_pass(pods: Pods) -> None:
    with pods.given(SNIFFED):
        await eventually(lambda: answers(pods, 203, "/fixed"))
        _, seen = await pods.get(CLIENT, WEB_VIP, UNNAMED)
        assert seen.headers["x-routed"] == "yes"
        told = await pods.say(CLIENT, WEB_VIP, UNNAMED)
        assert told is not None
        assert (told.app, told.peer) == (WEB, ENVOY_SOURCE)


async def answers(pods: Pods, status: int, path: str) -> bool:
    """Whether a path of `web` gets this status."""
    return (await pods.get(CLIENT, WEB_VIP, UNNAMED, path))[0] == status


async def test_redirected_bytes_go_through_both_sidecars(pods: Pods) -> None:
    told = await pods.say(CLIENT, TCP_VIP, TCP)
    assert told is not None
    assert (told.app, told.peer) == (WEB, ENVOY_SOURCE)
    assert await pods.stats(CLIENT, r"outbound.9000..echo.*ssl\.handshake$") >= 1


async def test_each_endpoint_of_a_headless_service_is_reached_by_its_own_address(pods: Pods) -> None:
    for name in (DB_0, DB_1, DB_0):
        told = await pods.say(CLIENT, pods.address(name), HEADLESS)
        assert told is not None
        assert (told.app, told.peer) == (name, pods.address(CLIENT))
    assert await pods.stats(CLIENT, r"outbound.5000..db.*upstream_cx_total$") == 3


async def test_with_tproxy_the_workload_sees_the_address_of_its_caller(pods: Pods) -> None:
    status, seen = await pods.get(CLIENT, KEEPER_VIP, HTTP)
    assert status == 200
    assert (seen.app, seen.peer, seen.caller) == (KEEPER, pods.address(CLIENT), CLIENT_ID)
    status, seen = await pods.get(STRANGER, pods.address(KEEPER), HTTP)
    assert (status, seen.peer, seen.caller) == (200, pods.address(STRANGER), "")


async def test_what_a_pod_with_tproxy_sends_goes_through_its_sidecar(pods: Pods) -> None:
    status, seen = await pods.get(KEEPER, WEB_VIP, UNNAMED)
    assert (status, seen.caller) == (200, "spiffe://cluster.local/ns/shop/sa/keeper")


STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


@pytest.mark.parametrize("name", [WEB, KEEPER])
@pytest.mark.parametrize("port", [HTTP, UNNAMED, UNLISTED])
async def test_plaintext_from_outside_is_taken_until_it_is_forbidden(pods: Pods, name: str, port: int) -> None:
    """`http` and unnamed ports, and one that no service has: intercepted, so that it is looked at."""

    await eventually(lambda: is_open(pods, name, port))
    with pods.given(STRICT):
        await eventually(lambda: is_open(pods, name, port, wanted=False))
        assert (await pods.get(CLIENT, WEB_VIP, UNNAMED))[0] == 200
    await eventually(lambda: is_open(pods, name, port))


async def is_open(pods: Pods, name: str, port: int, *, wanted: bool = True) -> bool:
    """Whether plaintext HTTP of a stranger gets an answer."""
    try:
        status, _ = await pods.get(STRANGER, pods.address(name), port)
    except aiohttp.ClientError:
        return not wanted
    return (status == 200) is wanted


REGISTRY_ONLY = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: ["./*"]}]
"""


async def test_unknown_addresses_are_passed_on_until_only_the_registry_counts(pods: Pods) -> None:
    stranger = pods.address(STRANGER)
    told = await pods.say(CLIENT, stranger, UNLISTED)
    assert told is not None
    assert (told.app, told.peer) == (STRANGER, pods.address(CLIENT))
    assert (await pods.get(CLIENT, stranger, UNLISTED))[0] == 200
    with pods.given(REGISTRY_ONLY):
        await eventually(lambda: is_blocked(pods))
        assert (await pods.get(CLIENT, stranger, HTTP, host="nowhere"))[0] == 502
        assert (await pods.get(CLIENT, WEB_VIP, UNNAMED))[0] == 200
    await eventually(lambda: is_blocked(pods, wanted=False))


async def is_blocked(pods: Pods, *, wanted: bool = True) -> bool:
    """Whether connections to an address that no service has are closed."""
    return (await pods.say(CLIENT, pods.address(STRANGER), UNLISTED) is None) is wanted


WEIGHTLESS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo]
  tcp: [{route: [{destination: {host: echo}, weight: 0}, {destination: {host: web}, weight: 0}]}]
"""


async def test_a_tcp_route_without_weights_refuses_connections_and_costs_nobody_else(pods: Pods) -> None:
    with pods.given(WEIGHTLESS + "---" + SNIFFED):
        await eventually(lambda: answers(pods, 203, "/fixed"))
        assert await pods.say(CLIENT, TCP_VIP, TCP) is None
        assert (await pods.get(CLIENT, KEEPER_VIP, HTTP))[0] == 200
    for name in SIDECARS:
        assert await pods.stats(name, "update_rejected$") == 0


def entry(name: str, endpoint: str) -> str:
    """A service for bytes at an address that others have too."""
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.example.com]
  addresses: [10.64.9.9]
  ports: [{{number: 6000, targetPort: {HEADLESS}, protocol: TCP, name: tcp}}]
  resolution: STATIC
  endpoints: [{{address: {endpoint}}}]
"""


async def test_of_two_services_with_one_listener_the_first_serves_and_the_second_is_told(pods: Pods) -> None:
    first, second = entry("first", pods.address(DB_0)), entry("second", pods.address(DB_1))
    with pods.given(f"{first}---{second}"):
        await eventually(lambda: is_served(pods, "10.64.9.9", 6000))
        told = await pods.say(CLIENT, "10.64.9.9", 6000)
        assert told is not None
        assert told.app == DB_0
        await eventually(lambda: pods.control_plane.lines("ServiceEntry shop/second", "first.example.com"))
        status, _ = await pods.control_plane.get(control_plane.HTTP, "/debug/problems")
        assert status == 401  # not from this machine's loopback address
    for name in SIDECARS:
        assert await pods.stats(name, "update_rejected$") == 0


async def is_served(pods: Pods, address: str, port: int) -> bool:
    """Whether somebody answers there."""
    return await pods.say(CLIENT, address, port) is not None
