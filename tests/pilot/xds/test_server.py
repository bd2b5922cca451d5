import asyncio
import logging
import os
from datetime import timedelta
from typing import Any

import pytest

from pilot.errors import PermissionDenied, Unauthenticated
from pilot.resources import ResourceSet, resource_set
from pilot.type_urls import CLUSTER, ENDPOINT, HEALTH, LISTENER, ROUTE, TypeUrl
from pilot.xds.admission import Admission
from pilot.xds.pushes import Change
from pilot.xds.server import prepare_transport, server_options
from tests.pilot.xds.clients import Client, Site, eventually, serving
from tests.pilot.xds.conversations import small_world
from tests.pilot.xds.envoys import TYPES
from tests.pilot.xds.worlds import World, anything, cluster, endpoints

DEBUG = TypeUrl("istio.io/debug")
both = pytest.mark.parametrize("delta", [False, True], ids=["sotw", "delta"])


async def synced(site: Site, delta: bool, **more: Any) -> Client:
    """A client that has everything and said so."""
    client = site.client(delta, **more)
    for type_url, *names in ((CLUSTER,), (ENDPOINT, "a", "b"), (LISTENER,), (ROUTE, "r", "s")):
        await client.ask(TypeUrl(type_url), *names)
    await eventually(lambda: all(row.is_synced for row in site.server.connections()[-1].watches))
    return client


# --- conversations ---


@both
async def test_first_answers_and_acks(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        assert await client.is_quiet()
        assert site.count("pilot_xds_pushes", type="cds") == site.count("pilot_xds_pushes", type="rds") == 1
        assert site.count("pilot_xds", version="1.29.1") == 1


@both
async def test_push_brings_what_changed_in_order(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        site.world.put(ROUTE, anything(ROUTE, "r", "2"))
        site.world.put(LISTENER, anything(LISTENER, "l", "2"))
        site.world.put(ENDPOINT, endpoints("b", "2"))
        site.publish()
        said = [await client.receive() for _ in range(3)]
        assert [(each.type_url, each.names) for each in said] == [(ENDPOINT, ["b"]), (LISTENER, ["l"]), (ROUTE, ["r"])]
        assert await client.is_quiet()


@both
async def test_push_without_change_is_silent(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        site.publish()
        assert await client.is_quiet()


@both
async def test_push_asks_only_for_types_that_can_have_changed(delta: bool) -> None:
    async with serving(small_world()) as site:
        await synced(site, delta)
        site.world.asked.clear()
        site.publish(ENDPOINT)
        await eventually(lambda: bool(site.world.asked))
        assert site.world.asked == [(ENDPOINT, frozenset(("a", "b")))]


@both
async def test_removed_cluster_is_told(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        site.world.drop(CLUSTER, "b")
        site.publish(CLUSTER)
        said = await client.receive()
        assert (said.names, said.removed) == (([], ["b"]) if delta else (["a"], []))


@both
async def test_endpoints_follow_an_updated_cluster(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        site.world.put(CLUSTER, cluster("a", "2"))
        site.publish(CLUSTER)
        said = [await client.receive() for _ in range(2)]
        assert [each.type_url for each in said] == [CLUSTER, ENDPOINT]
        assert said[1].names == ["a"]


@both
async def test_refusal_is_logged_and_counted_and_not_answered(delta: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        site.world.put(LISTENER, anything(LISTENER, "l", "2"))
        site.publish()
        said = await client.receive()
        await client.send(LISTENER, nonce=said.nonce, error="listener l:\nno such filter")
        assert await client.is_quiet()
        assert site.count("pilot_total_xds_rejects", type="lds") == 1
        (row,) = [row for row in site.server.connections()[0].watches if row.type_url == LISTENER]
        assert row.error == "listener l:\nno such filter"
        assert not row.is_synced
        (line,) = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert line.getMessage() == "ADS:LDS: ACK ERROR web-1.default-1 refused l: listener l: no such filter"


@both
async def test_stale_nonce_is_counted_and_not_answered(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        await client.send(CLUSTER, nonce="of old")
        assert await client.is_quiet()
        assert site.count("pilot_xds_expired_nonce", type="cds") == 1


async def test_delta_client_that_comes_back_gets_only_what_differs() -> None:
    async with serving(small_world()) as site:
        first = site.client(True)
        held = {each.name: each.version for each in (await first.ask(CLUSTER)).message.resources}
        site.world.put(CLUSTER, cluster("b", "2"))
        said = await site.client(True).ask(CLUSTER, claims=held)
        assert said.names == ["b"]


@both
async def test_streams_share_the_bytes_of_their_responses(delta: bool) -> None:
    async with serving(small_world()) as site:
        one, two = await synced(site, delta), await synced(site, delta)
        site.world.put(CLUSTER, cluster("c"))
        site.publish()
        first, second = await one.receive(), await two.receive()
        assert first.raw == second.raw
        names = [
            watch.names for row in site.server.connections() for watch in row.watches if watch.type_url == ENDPOINT
        ]
        assert names[0] is names[1]


async def test_both_protocols_are_served_beside_each_other() -> None:
    async with serving(small_world()) as site:
        clients = [await synced(site, False), await synced(site, True)]
        assert [row.protocol for row in site.server.connections()] == ["sotw", "delta"]
        site.world.put(ROUTE, anything(ROUTE, "s", "2"))
        site.publish()
        assert [(await client.receive()).names for client in clients] == [["s"], ["s"]]


# --- streams that end ---


@both
@pytest.mark.parametrize("data", [b"\xff\xff", b'"\x02\xff\xff'], ids=["no message", "no utf-8"])
async def test_garbage_ends_only_its_own_stream(delta: bool, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(small_world()) as site:
        good, bad = await synced(site, delta), await synced(site, delta)
        await bad.call.write(data)
        code, details = await bad.status()
        assert code == "INVALID_ARGUMENT"
        assert details.startswith(f"request of {len(data)} bytes is no ")
        await eventually(lambda: len(site.server.connections()) == 1)
        assert site.count("pilot_total_xds_internal_errors") == 0
        site.world.put(LISTENER, anything(LISTENER, "l", "2"))
        site.publish()
        assert (await good.receive()).names == ["l"]
        assert not [each for each in caplog.records if each.levelno > logging.INFO]


@both
async def test_garbage_as_first_message_ends_the_stream(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = site.client(delta)
        await client.call.write(b"\xff")
        assert (await client.status())[0] == "INVALID_ARGUMENT"
        assert site.server.connections() == ()


@both
async def test_first_request_without_node_ends_the_stream(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = site.client(delta)
        client.first = False
        await client.send(CLUSTER)
        assert await client.status() == ("INVALID_ARGUMENT", "missing node information")


@both
async def test_node_that_the_port_refuses_ends_the_stream(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = site.client(delta)
        await client.send(CLUSTER, node_id="a~b")
        assert await client.status() == (
            "INVALID_ARGUMENT",
            "node id 'sidecar~10.0.0.1~a~b~default.svc.cluster.local': expected four parts",
        )


@both
async def test_request_without_type_ends_the_stream(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        await client.send(TypeUrl(""))
        assert await client.status() == ("INVALID_ARGUMENT", "request without a type URL")


@both
async def test_request_that_is_too_large_ends_only_its_own_stream(delta: bool) -> None:
    async with serving(small_world(), max_receive_bytes=10_000) as site:
        good, bad = await synced(site, delta), site.client(delta)
        await bad.send(ENDPOINT, *(f"name-{number}" for number in range(2_000)))
        assert (await bad.status())[0] == "RESOURCE_EXHAUSTED"
        assert (await good.ask(TypeUrl("somebody.Thing"))).names == []


@both
async def test_client_that_ends_is_forgotten(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        await client.call.done_writing()
        assert await client.status() == ("OK", "")
        await eventually(lambda: site.server.connections() == ())
        assert site.count("pilot_xds", version="1.29.1") == 0


@both
async def test_client_that_vanishes_is_forgotten(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        client.call.cancel()
        await eventually(lambda: site.server.connections() == ())
        site.publish()
        assert site.count("pilot_total_xds_internal_errors") == 0


@both
async def test_client_that_leaves_without_a_word_is_no_failure(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = site.client(delta)
        await client.call.done_writing()
        assert await client.status() == ("OK", "")


# --- who may ask ---


class Strict(World):
    """Lets only the first identity in."""

    def connect(self, node: Any, identities: tuple[str, ...] | None) -> str:
        if identities != ("spiffe://cluster.local/ns/default/sa/web",):
            raise PermissionDenied(f"authorization failed: no identities {identities} matched default/web")
        return super().connect(node, identities)


async def by_header(context: Any) -> tuple[str, ...]:
    """An identity that the client names itself: tests only."""
    found = dict(context.invocation_metadata()).get("x-identity")
    if found is None:
        raise Unauthenticated("authentication failure")
    return (str(found),)


@both
async def test_caller_without_credentials_is_refused(delta: bool) -> None:
    async with serving(small_world(), by_header) as site:
        client = site.client(delta)  # refused before it has said anything
        assert await client.status() == ("UNAUTHENTICATED", "authentication failure")


@both
async def test_identity_reaches_the_port(delta: bool) -> None:
    async with serving(Strict(small_world().resources), by_header) as site:
        right = site.client(delta, metadata=(("x-identity", "spiffe://cluster.local/ns/default/sa/web"),))
        assert (await right.ask(CLUSTER)).names == ["a", "b"]
        wrong = site.client(delta, metadata=(("x-identity", "spiffe://cluster.local/ns/other/sa/web"),))
        await wrong.send(CLUSTER)
        assert (await wrong.status())[0] == "PERMISSION_DENIED"


@both
async def test_health_is_never_answered(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = site.client(delta)
        client.first = False
        await client.send(HEALTH)  # before the first request, without a node
        client.first = True
        assert (await client.ask(CLUSTER)).names == ["a", "b"]
        await client.send(HEALTH, error="unwell")
        assert await client.is_quiet()


@both
async def test_debug_question_without_identity_ends_the_stream(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        await client.send(DEBUG, "syncz")
        assert await client.status() == ("UNAUTHENTICATED", "authentication required")  # recorded, sotw.yaml


@both
async def test_debug_question_with_identity_is_answered_where_somebody_can(delta: bool) -> None:
    asked = []

    async def answer(identities: tuple[str, ...] | None, type_url: TypeUrl, names: frozenset[str]) -> ResourceSet:
        asked.append((identities, type_url, names))
        return resource_set([anything(DEBUG, "syncz", "text")])

    async with serving(small_world(), by_header, queries=answer) as site:
        client = site.client(delta, metadata=(("x-identity", "me"),))
        await client.send(DEBUG, "syncz")
        said = await client.receive()
        assert said.type_url == DEBUG
        assert b"text" in said.raw
        assert asked == [(("me",), DEBUG, frozenset(("syncz",)))]
        assert (await client.ask(CLUSTER)).names == ["a", "b"]
    async with serving(small_world(), by_header) as site:
        client = site.client(delta, metadata=(("x-identity", "me"),))
        await client.send(DEBUG, "syncz")
        assert await client.status() == ("UNIMPLEMENTED", "istio.io/debug is not answered here")


# --- limits ---


@both
async def test_slow_reader_gets_the_newest_state_once_and_delays_nobody(delta: bool) -> None:
    world = World()
    world.put(LISTENER, anything(LISTENER, "l", "0" * 4_000_000))
    async with serving(world) as site:
        slow = site.client(delta, options=(("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", -1)))
        quick = site.client(delta, options=(("grpc.max_receive_message_length", -1),))
        await slow.send(LISTENER, node_id="slow-1.default")

        def sent_to_slow() -> str:
            rows = [row for row in site.server.connections() if row.id.startswith("slow")]
            return rows[0].watches[0].sent_nonce if rows and rows[0].watches else ""

        await eventually(lambda: sent_to_slow() == "1")
        await quick.ask(LISTENER)
        for number in range(1, 6):
            world.put(LISTENER, anything(LISTENER, "l", str(number) * 4_000_000))
            site.publish()
            said = await quick.receive()
            await quick.ack(said)
            assert str(number).encode() * 100 in said.raw
        assert sent_to_slow() == "1"  # it holds one response, however far behind
        first, second = await slow.receive(), await slow.receive()
        assert b"0" * 100 in first.raw
        assert b"5" * 100 in second.raw
        assert second.nonce == "2"
        assert await slow.is_quiet()


async def test_new_streams_queue_for_admission() -> None:
    async with serving(small_world(), admission=Admission(rate=20, burst=1)) as site:
        clients = [site.client(True) for _ in range(4)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(client.ask(CLUSTER) for client in clients))
        assert loop.time() - started >= 0.14
        assert len(site.server.connections()) == 4


async def test_streams_have_their_turns_one_by_one() -> None:
    """However many wait for a push, the event loop is free between any two of them."""
    async with serving(small_world()) as site:
        clients = [await synced(site, True) for _ in range(20)]
        free, running = 0, True

        async def others() -> None:
            nonlocal free
            while running:
                free += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        await asyncio.sleep(0)
        free = 0
        site.world.asked.clear()
        site.publish(CLUSTER)
        await eventually(lambda: len(site.world.asked) == len(clients))
        running = False
        await task
        assert free >= len(clients)


class Faulty(World):
    """Has a bug in routes."""

    broken = True

    def resources_for(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> ResourceSet | None:
        if type_url == ROUTE and self.broken:
            raise ZeroDivisionError("a bug")
        return super().resources_for(proxy, type_url, names)


@both
async def test_bug_in_one_type_costs_neither_the_others_nor_the_stream(
    delta: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = Faulty(small_world().resources)
    async with serving(world) as site:
        client = site.client(delta)
        await client.send(ROUTE, "r")
        assert (await client.ask(CLUSTER)).names == ["a", "b"]
        assert site.count("pilot_total_xds_internal_errors") >= 1
        assert "RDS: generation failed for node:web-1.default-1" in caplog.text
        world.broken = False
        site.publish()
        assert (await client.receive()).names == ["r"]  # it was still owed


class Buggy(World):
    """Has a bug where proxies connect."""

    def connect(self, node: Any, identities: tuple[str, ...] | None) -> str:
        raise ZeroDivisionError("secret detail")


async def test_bug_outside_of_generation_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Buggy()) as site:
        client = site.client(True)
        await client.send(CLUSTER)
        assert await client.status() == ("INTERNAL", "internal error")
        assert "secret detail" in caplog.text
        assert site.count("pilot_total_xds_internal_errors") == 1


@both
async def test_type_that_is_not_served_gets_no_answer(delta: bool) -> None:
    world = small_world()
    world.unserved.add(LISTENER)
    async with serving(world) as site:
        client = site.client(delta)
        await client.send(LISTENER)
        assert (await client.ask(CLUSTER)).type_url == CLUSTER
        assert await client.is_quiet()


# --- what it tells ---


@both
async def test_connections_show_what_was_sent_and_accepted(delta: bool) -> None:
    async with serving(small_world()) as site:
        client = await synced(site, delta)
        (row,) = site.server.connections()
        assert row.id == "web-1.default-1"
        assert row.node_id == row.proxy == "sidecar~10.0.0.1~web-1.default~default.svc.cluster.local"
        assert row.peer.startswith("127.0.0.1:")
        assert [watch.type_url for watch in row.watches] == list(TYPES)
        for watch in row.watches:
            known = site.world.all(watch.type_url, None if watch.wildcard else watch.names)
            assert watch.is_synced
            assert watch.sent_version == watch.acked_version == known.version
            assert watch.sent_at is not None
            assert watch.sent_at >= row.connected_at
        site.world.put(CLUSTER, cluster("c"))
        site.publish()
        await client.receive()
        assert not site.server.connections()[0].watches[0].is_synced


async def test_connection_numbers_rise_over_all_streams() -> None:
    async with serving(small_world()) as site:
        for _ in range(2):
            await site.client(True).ask(CLUSTER)
        await site.client(True).ask(CLUSTER, node_id="db-1.default")
        assert [row.id for row in site.server.connections()] == [
            "web-1.default-1",
            "web-1.default-2",
            "db-1.default-3",
        ]


async def test_push_is_counted_from_change_to_proxy() -> None:
    async with serving(small_world()) as site:
        client = await synced(site, True)
        site.world.put(CLUSTER, cluster("c"))
        site.server.publish(Change(reasons=("service", "config")))
        await client.receive()
        await eventually(lambda: site.count("pilot_proxy_convergence_time_count") == 1)
        assert site.count("pilot_push_triggers", type="service") == 1
        assert site.count("pilot_debounce_time_count") == 1
        assert site.count("pilot_proxy_queue_time_count") == 1
        assert site.count("pilot_xds_recv_max") > 50


def test_options_are_those_of_grpc() -> None:
    options = dict(server_options(max_streams=7, keepalive_interval=timedelta(seconds=20)))
    assert options["grpc.max_receive_message_length"] == 64 << 20
    assert options["grpc.max_concurrent_streams"] == 7
    assert options["grpc.keepalive_time_ms"] == 20_000
    assert options["grpc.http2.min_recv_ping_interval_without_data_ms"] == 10_000
    assert "grpc.max_connection_age_ms" not in options
    aged = dict(server_options(max_connection_age=timedelta(minutes=30)))
    assert (aged["grpc.max_connection_age_ms"], aged["grpc.max_connection_age_grace_ms"]) == (1_800_000, 10_000)


def test_the_transport_is_prepared_unless_somebody_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRPC_EXPERIMENTS", raising=False)
    prepare_transport()
    assert os.environ["GRPC_EXPERIMENTS"] == "-event_engine_listener"
    monkeypatch.setenv("GRPC_EXPERIMENTS", "theirs")
    prepare_transport()
    assert os.environ["GRPC_EXPERIMENTS"] == "theirs"
