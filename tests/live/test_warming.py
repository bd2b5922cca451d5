"""A real Envoy on our xDS server: minimal must not mean stuck.

Clusters and listeners here wait for ever for their endpoints and routes (no initial fetch time-out, as Istio's): what
the server does not send again stays warming, and the test sees it.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import config_source_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2

from pilot.errors import NotReady
from pilot.resources import Resource, ResourceSet, resource
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from tests.pilot.xds.clients import Site, serving
from tests.pilot.xds.worlds import World

PATIENCE = 15.0
"""Seconds in which an Envoy does what it should; it takes milliseconds."""


def from_ads(source: config_source_pb2.ConfigSource) -> None:
    source.ads.SetInParent()
    source.resource_api_version = 2  # V3
    source.initial_fetch_timeout.SetInParent()  # zero: wait for ever


def eds_cluster(name: str, seconds: int = 1) -> Resource:
    message = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.EDS)
    message.connect_timeout.seconds = seconds
    from_ads(message.eds_cluster_config.eds_config)
    return resource(CLUSTER, name, message)


def one_endpoint(name: str, port: int = 9) -> Resource:
    message = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    address = message.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "127.0.0.1", port
    return resource(ENDPOINT, name, message)


def http_listener(name: str, stat_prefix: str, routes: str = "r") -> Resource:
    manager = hcm_pb2.HttpConnectionManager(stat_prefix=stat_prefix)
    manager.rds.route_config_name = routes
    from_ads(manager.rds.config_source)
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.Pack(router_pb2.Router())
    message = listener_pb2.Listener(name=name)
    message.address.socket_address.address = "127.0.0.1"
    message.address.socket_address.port_value = 0
    filters = message.filter_chains.add().filters
    filters.add(name="envoy.filters.network.http_connection_manager").typed_config.Pack(manager)
    return resource(LISTENER, name, message)


def some_routes(name: str, status: int = 200) -> Resource:
    message = route_pb2.RouteConfiguration(name=name)
    host = message.virtual_hosts.add(name="all", domains=["*"])
    route = host.routes.add()
    route.match.prefix = "/"
    route.direct_response.status = status
    return resource(ROUTE, name, message)


def bootstrap(address: str, delta: bool) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "node": {"id": "sidecar~127.0.0.1~web-1.default~default.svc.cluster.local", "cluster": "web.default"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC" if delta else "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
                    "typed_extension_protocol_options": {
                        options: {
                            "@type": f"type.googleapis.com/{options}",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                }
            ]
        },
    }


class Admin:
    """Envoy's admin port."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self.session, self.address = session, address

    async def get(self, path: str) -> str:
        async with self.session.get(f"http://{self.address}{path}") as response:
            return await response.text()

    async def stat(self, name: str) -> int:
        lines = (await self.get(f"/stats?filter=^{name}$")).split()
        return int(lines[1]) if len(lines) == 2 else 0

    async def active(self, kind: str) -> dict[str, Any]:
        """Dynamic clusters or listeners that are in use, by name."""
        dump = json.loads(await self.get(f"/config_dump?resource=dynamic_{'active_' * (kind == 'cluster')}{kind}s"))
        found = {}
        for each in dump.get("configs", []):
            inner = each.get("active_state", each) if kind == "listener" else each
            if kind in inner:
                found[inner[kind]["name"]] = inner[kind]
        return found

    async def warming(self) -> tuple[int, int]:
        """Clusters and listeners that wait."""
        return (
            await self.stat("cluster_manager.warming_clusters"),
            await self.stat("listener_manager.total_listeners_warming"),
        )


async def until(condition: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        try:
            while not await condition():  # noqa: ASYNC110 - it happens in Envoy
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            print(f"waited in vain for: {what}")
            raise


@asynccontextmanager
async def running(envoy: Path, address: str, delta: bool, directory: Path) -> AsyncIterator[Admin]:
    """An Envoy whose xDS server is at `address`."""
    config, admin = directory / "envoy.json", directory / "admin"
    config.write_text(json.dumps(bootstrap(address, delta)))
    process = await asyncio.create_subprocess_exec(
        envoy, "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "--admin-address-path", admin,
        "--log-path", directory / "envoy.log", "--log-level", "info",
    )  # fmt: skip
    try:

        async def admin_is_there() -> bool:
            assert process.returncode is None, (directory / "envoy.log").read_text()
            return admin.exists() and admin.read_text() != ""

        await until(admin_is_there, "the admin port")
        async with aiohttp.ClientSession() as session:
            yield Admin(session, admin.read_text())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def small() -> World:
    world = World()
    world.put(CLUSTER, eds_cluster("a"), eds_cluster("b"))
    world.put(ENDPOINT, one_endpoint("a"), one_endpoint("b"))
    world.put(LISTENER, http_listener("l", "one"))
    world.put(ROUTE, some_routes("r"))
    return world


async def is_ready(admin: Admin) -> bool:
    active = await admin.active("cluster"), await admin.active("listener")
    return set(active[0]) >= {"a", "b"} and set(active[1]) == {"l"} and await admin.warming() == (0, 0)


@asynccontextmanager
async def scene(
    envoy: Path, delta: bool, directory: Path, world: World | None = None
) -> AsyncIterator[tuple[Site, Admin]]:
    """A server, and an Envoy that has everything."""
    async with (
        serving(world or small()) as site,
        running(envoy, site.address, delta, directory) as admin,
    ):
        await until(lambda: is_ready(admin), "clusters a and b and listener l")
        yield site, admin


async def has_timeout(admin: Admin, name: str, seconds: int) -> bool:
    found = (await admin.active("cluster")).get(name, {})
    return bool(found.get("connect_timeout") == f"{seconds}s") and await admin.warming() == (0, 0)


both = pytest.mark.parametrize("delta", [False, True], ids=["sotw", "delta"])


@both
async def test_updated_cluster_goes_live_though_its_endpoints_did_not_change(
    any_envoy: Path, delta: bool, tmp_path: Path
) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        for seconds in range(2, 6):
            site.world.put(CLUSTER, eds_cluster("a", seconds))
            site.publish()
            await until(lambda wanted=seconds: has_timeout(admin, "a", wanted), f"cluster a with {seconds}s")  # type: ignore[misc]
        assert await admin.stat("cluster.b.membership_total") == 1


@both
async def test_clusters_updated_in_a_burst_go_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        for seconds in range(2, 30):
            site.world.put(CLUSTER, eds_cluster("a", seconds), eds_cluster("b", seconds))
            site.publish()
            await asyncio.sleep(0)
        await until(lambda: has_timeout(admin, "a", 29), "cluster a with 29s")
        await until(lambda: has_timeout(admin, "b", 29), "cluster b with 29s")


@both
async def test_cluster_removed_and_added_again_goes_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        site.world.drop(CLUSTER, "a")
        site.publish()

        async def is_gone() -> bool:
            return "a" not in await admin.active("cluster")

        await until(is_gone, "cluster a to go")
        site.world.put(CLUSTER, eds_cluster("a", 2))
        site.publish()
        await until(lambda: has_timeout(admin, "a", 2), "cluster a to come back")


@both
async def test_cluster_removed_and_added_again_at_once_goes_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        for seconds in range(2, 12):
            site.world.drop(CLUSTER, "a")
            site.publish()
            for _ in range(seconds):  # the stream's turn comes in between, or does not
                await asyncio.sleep(0)
            site.world.put(CLUSTER, eds_cluster("a", seconds))
            site.publish()
            await asyncio.sleep(0.001 * seconds)
        await until(lambda: has_timeout(admin, "a", 11), "cluster a to come back")
        assert await admin.stat("cluster.a.membership_total") == 1


@both
async def test_cluster_whose_endpoints_come_later_goes_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        site.world.put(CLUSTER, eds_cluster("c"))
        site.publish()
        site.world.put(ENDPOINT, one_endpoint("c"))
        site.publish(ENDPOINT)
        await until(lambda: has_timeout(admin, "c", 1), "cluster c")


@both
async def test_updated_listener_goes_live_though_its_routes_did_not_change(
    any_envoy: Path, delta: bool, tmp_path: Path
) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        for prefix in ("two", "three"):
            site.world.put(LISTENER, http_listener("l", prefix))
            site.publish()

            async def is_updated(wanted: str = prefix) -> bool:
                found = (await admin.active("listener")).get("l", {})
                return wanted in json.dumps(found) and await admin.warming() == (0, 0)

            await until(is_updated, f"listener l with {prefix}")
        assert await admin.stat("listener_manager.total_listeners_active") == 1


@both
async def test_listener_removed_and_added_again_goes_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        site.world.drop(LISTENER, "l")
        site.publish()

        async def is_gone() -> bool:
            return not await admin.active("listener")

        await until(is_gone, "listener l to go")
        site.world.put(LISTENER, http_listener("l", "again"))
        site.publish()
        await until(lambda: is_ready(admin), "listener l to come back")


@both
async def test_listener_that_moves_to_other_routes_and_back_goes_live(
    any_envoy: Path, delta: bool, tmp_path: Path
) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        site.world.put(ROUTE, some_routes("s"))
        for routes in ("s", "r", "s", "r"):
            site.world.put(LISTENER, http_listener("l", routes, routes))
            site.publish()

            async def has_moved(wanted: str = routes) -> bool:
                found = (await admin.active("listener")).get("l", {})
                return f'"route_config_name": "{wanted}"' in json.dumps(found) and await admin.warming() == (0, 0)

            await until(has_moved, f"listener l with routes {routes}")


class Breaking(World):
    """Ends the stream instead of sending endpoints, as often as it is told to."""

    breaks = 0

    def resources_for(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> ResourceSet | None:
        if type_url == ENDPOINT and self.breaks:
            self.breaks -= 1
            raise NotReady("the stream breaks here")
        return super().resources_for(proxy, type_url, names)


@both
async def test_cluster_goes_live_though_the_stream_broke_before_its_endpoints_came(
    any_envoy: Path, delta: bool, tmp_path: Path
) -> None:
    world = Breaking(small().resources)
    async with scene(any_envoy, delta, tmp_path, world) as (site, admin):
        world.breaks = 1
        world.put(CLUSTER, eds_cluster("a", 2))
        site.publish()
        await until(lambda: has_timeout(admin, "a", 2), "cluster a with 2s")
        assert world.breaks == 0
        assert await admin.stat("cluster_manager.cds.update_rejected") == 0


@both
async def test_cluster_that_changed_while_nobody_served_goes_live(any_envoy: Path, delta: bool, tmp_path: Path) -> None:
    world = Breaking(small().resources)
    async with scene(any_envoy, delta, tmp_path, world) as (site, admin):
        world.breaks = 1  # the next push ends the stream; until Envoy comes back, a changes
        world.put(ENDPOINT, one_endpoint("b", 10))
        site.publish(ENDPOINT)
        world.put(CLUSTER, eds_cluster("a", 2))
        await until(lambda: has_timeout(admin, "a", 2), "cluster a with 2s")


async def test_delta_envoy_that_comes_back_is_sent_nothing_it_has(any_envoy: Path, tmp_path: Path) -> None:
    world = Breaking(small().resources)
    async with scene(any_envoy, True, tmp_path, world) as (site, admin):
        updates = await admin.stat("cluster.a.update_success")
        world.breaks = 1
        world.put(ENDPOINT, one_endpoint("b", 10))
        site.publish(ENDPOINT)

        async def is_back() -> bool:
            rows = site.server.connections()
            synced = bool(rows) and all(row.is_synced for row in rows[0].watches) and len(rows[0].watches) == 4
            return synced and rows[0].id.endswith("-2")

        await until(is_back, "Envoy to come back")
        sent = {row.type_url: row for row in site.server.connections()[0].watches}
        assert set(sent) == {CLUSTER, ENDPOINT, LISTENER, ROUTE}
        assert await admin.stat("cluster.a.update_success") == updates
        assert await admin.stat("cluster_manager.cluster_modified") == 0
        assert await admin.stat("listener_manager.listener_modified") == 0


@both
async def test_refusal_is_logged_with_proxy_type_resource_and_envoys_words(
    any_envoy: Path, delta: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(any_envoy, delta, tmp_path) as (site, admin):
        bad = cluster_pb2.Cluster(name="bad")
        bad.transport_socket.name = "nobody.has.this"
        site.world.put(CLUSTER, resource(CLUSTER, "bad", bad), eds_cluster("b", 2))
        site.publish()

        async def is_refused() -> bool:
            return site.count("pilot_total_xds_rejects", type="cds") > 0

        await until(is_refused, "the refusal")
        (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
        assert line.startswith("ADS:CDS: ACK ERROR web-1.default-1 refused bad: ")
        assert "nobody.has.this" in line
        await until(lambda: has_timeout(admin, "b", 2), "cluster b, which was not refused")
        site.world.drop(CLUSTER, "bad")
        site.world.put(CLUSTER, eds_cluster("b", 3))
        site.publish()
        await until(lambda: has_timeout(admin, "b", 3), "cluster b with 3s")
