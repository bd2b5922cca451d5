"""Files become snapshots and pushes: what is current, what is told to proxies, what is told to people."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from ca.state_directory import StateDirectory
from pilot.debug.feed_metrics import FeedMetrics
from pilot.feed import PIECE, REMOTE_PIECE, Feed, in_pieces
from pilot.mesh import Mesh
from pilot.model.features import Features
from pilot.model.key_sets import KeySource
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event, ObjectKey
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from pilot.settings import Settings
from pilot.sources.dns import Answer
from pilot.sources.events import Batch
from pilot.sources.keys import KeyKeeper
from pilot.sources.names import NameKeeper
from pilot.type_urls import ENDPOINT, EXTENSION_CONFIG, SECRET
from pilot.xds.pushes import Change, Debounce
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.meshes import objects
from tests.pilot.model.pems import tls_secret

RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{clusterIP: {ip}, ports: [{{name: http, port: 80}}]}}
"""
SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-a, namespace: default, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [{ip}]}}]
"""
WEB = SERVICE.format(name="web", ip="10.96.0.1")


@dataclass
class Scene:
    """A feed with its surroundings."""

    directory: Path
    feed: Feed
    mesh: Mesh
    pushed: list[Change] = field(default_factory=list)
    tasks: tuple[asyncio.Task[None], ...] = ()
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def hosts(self) -> set[str]:
        """Services of the current snapshot, by name."""
        return {each.hostname.partition(".")[0] for each in self.mesh.snapshot.services}

    def is_listed(self) -> bool:
        """Whether proxies may come."""
        return self.mesh.is_listed

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)


KEYS = '{"keys":[{"kty":"EC"}]}'
KEYS_AT = KeySource("https://issuer.example.com/keys")
TOKENS = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: default}
spec:
  jwtRules: [{issuer: someone, jwksUri: "https://issuer.example.com/keys"}]
"""


async def _keys_of_issuer(source: KeySource) -> str:
    return KEYS


async def _address_of(name: str) -> Answer:
    return Answer((f"203.0.113.{len(name)}",), 60.0)


@contextlib.asynccontextmanager
async def playing(directory: Path) -> AsyncIterator[Scene]:
    """A feed that has not begun; its tasks end with the context."""
    manifests = directory / "mesh"
    manifests.mkdir()
    settings = Settings(
        config_dir=manifests, mesh_config=directory / "mesh-config", networks_config=directory / "networks"
    )
    mesh = Mesh(Snapshot.empty(MeshConfig(), Features()))
    pushed: list[Change] = []
    debounce = Debounce(pushed.append, asyncio.get_running_loop(), after=timedelta(milliseconds=10))
    registry = CollectorRegistry()
    keys = KeyKeeper(_keys_of_issuer, StateDirectory(directory / "keys"))
    feed = Feed(settings, mesh, debounce, keys, FeedMetrics(registry), NameKeeper(_address_of))
    scene = Scene(manifests, feed, mesh, pushed, registry=registry)
    try:
        yield scene
    finally:
        debounce.close()
        for task in scene.tasks:
            task.cancel()
        await asyncio.gather(*scene.tasks, return_exceptions=True)


async def begin(scene: Scene) -> None:
    """Starts the tasks, and waits until everything has been read."""
    feed = scene.feed
    scene.tasks = tuple(
        asyncio.create_task(each)
        for each in (
            *(feed.serve_files(), feed.serve_mesh_files(), feed.serve_problems()),
            *(feed.serve_keys(), feed.serve_names()),
        )
    )
    await feed.listed(scene.tasks)


async def test_everything_there_is_has_been_read_before_anybody_is_let_in(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB)
        assert not scene.is_listed()
        assert list(scene.feed.missing()) == ["discovery"]
        await begin(scene)
        assert scene.is_listed()
        assert scene.hosts() == {"web"}
        assert scene.pushed == []
        scene.feed.is_serving = True
        assert list(scene.feed.missing()) == []


async def test_an_edit_is_a_push_of_everything(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB)
        await begin(scene)
        scene.write("other.yaml", SERVICE.format(name="other", ip="10.96.0.2"))
        await eventually(lambda: scene.pushed)
        assert scene.hosts() == {"web", "other"}
        assert [(each.types, each.reasons) for each in scene.pushed] == [(None, ("service",))]
        assert scene.pushed[0].since > 0


async def test_the_reasons_of_a_push_are_in_istiods_words(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB)
        await begin(scene)
        scene.write("more.yaml", f"{RULE}---{SERVICE.format(name='other', ip='10.96.0.2')}")
        await eventually(lambda: scene.pushed)
        assert [each.reasons for each in scene.pushed] == [("config", "service")]


async def test_a_change_before_the_ports_are_open_is_pushed_too(tmp_path: Path) -> None:
    """A stream may come and be answered while the rest still starts: it must not miss what happens meanwhile."""
    async with playing(tmp_path) as scene:
        await begin(scene)
        assert not scene.feed.is_serving
        scene.write("web.yaml", WEB)
        await eventually(lambda: scene.pushed)


async def test_a_moved_endpoint_is_a_push_of_endpoints(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", f"{WEB}---{SLICE.format(ip='10.1.0.1')}")
        await begin(scene)
        scene.write("web.yaml", f"{WEB}---{SLICE.format(ip='10.1.0.2')}")
        await eventually(lambda: scene.pushed)
        assert [(each.types, each.reasons) for each in scene.pushed] == [(frozenset({ENDPOINT}), ("endpoint",))]


async def test_a_renewed_certificate_is_a_push_of_secrets(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("cert.yaml", f"apiVersion: v1{tls_secret('web', 'cert').removeprefix('---')}")
        await begin(scene)
        scene.write("cert.yaml", f"apiVersion: v1{tls_secret('web', 'cert', 'b').removeprefix('---')}")
        await eventually(lambda: scene.pushed)
        secrets = frozenset({SECRET, EXTENSION_CONFIG})  # images are fetched with credentials
        assert [(each.types, each.reasons) for each in scene.pushed] == [(secrets, ("secret",))]


async def test_an_edit_that_changes_nothing_is_no_push(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB)
        await begin(scene)
        scene.write("web.yaml", f"# a comment\n{WEB}")
        scene.write("other.yaml", SERVICE.format(name="other", ip="10.96.0.2"))
        await eventually(lambda: scene.hosts() == {"web", "other"})
        await eventually(lambda: scene.pushed)
        assert len(scene.pushed) == 1


async def test_the_meshs_own_settings_are_followed(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        await begin(scene)
        (tmp_path / "mesh-config").write_text("connectTimeout: 3s\n")
        await eventually(lambda: scene.pushed)
        assert scene.mesh.snapshot.mesh.connect_timeout == timedelta(seconds=3)
        assert [(each.types, each.reasons) for each in scene.pushed] == [(None, ("global",))]


async def test_what_is_wrong_is_logged_once_by_severity(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB.replace("port: 80", "port: many"))
        scene.write("strange.yaml", "apiVersion: example.com/v1\nkind: Strange\nmetadata: {name: x}\n")
        await begin(scene)
        scene.write("other.yaml", SERVICE.format(name="other", ip="10.96.0.2"))
        await eventually(lambda: scene.hosts() == {"other"})
        told = [each for each in caplog.records if each.getMessage().startswith(f"{scene.directory}/")]
        said = {each.levelno: each.getMessage() for each in told}
        assert len(told) == len(said) == 2
        assert "web.yaml:5: Service default/web: spec.ports[0].port: expected a whole number" in said[logging.ERROR]
        assert "unknown kind" in said[logging.WARNING]
        assert {str(each) for each in scene.feed.problems()} == set(said.values())


async def test_what_files_say_together_is_logged_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    route = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{route: [{destination: {host: nowhere}}]}]}
"""
    async with playing(tmp_path) as scene:
        scene.write("web.yaml", f"{WEB}---{route}")
        await begin(scene)
        place = f"{scene.directory}/web.yaml:7: VirtualService default/web: spec.http[0].route[0].destination.host: "
        await eventually(lambda: place in caplog.text)
        assert "nowhere" in caplog.text
        (problem,) = scene.feed.problems()
        assert str(problem).startswith(place)
        scene.write("web.yaml", f"# one line more{WEB}---{route}")
        scene.write("other.yaml", SERVICE.format(name="other", ip="10.96.0.2"))
        await eventually(lambda: scene.hosts() == {"web", "other"})
        await eventually(lambda: any("web.yaml:" in str(each) for each in scene.feed.problems()))
        scene.write("later.yaml", route.replace("name: web", "name: later"))
        await eventually(lambda: "VirtualService default/later" in caplog.text)
        assert caplog.text.count("VirtualService default/web: spec.http") == 1


async def test_a_directory_that_is_not_there_ends_the_wait_with_its_reason(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.directory.rmdir()
        with pytest.raises(FileNotFoundError, match="mesh"):
            await begin(scene)


async def test_keys_that_a_policy_names_are_fetched_and_pushed_and_go_with_it(tmp_path: Path) -> None:
    async with playing(tmp_path) as scene:
        scene.write("tokens.yaml", TOKENS)
        await begin(scene)
        await eventually(lambda: dict(scene.mesh.snapshot.policies.keys.keys) == {KEYS_AT.name: KEYS})
        await eventually(lambda: scene.pushed)
        (scene.directory / "tokens.yaml").unlink()
        await eventually(lambda: not scene.mesh.snapshot.policies.keys.keys)


@pytest.mark.parametrize("count", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_burst_comes_in_pieces_that_lose_nothing(count: int) -> None:
    key = ObjectKey("Pod", "default", "a")
    events = tuple(Event(key, None) for _ in range(count))
    problem = Problem("odd", key)
    pieces = list(in_pieces(Batch(events, (problem,), (problem,))))
    assert tuple(each for piece in pieces for each in piece.events) == events
    assert max(len(each.events) for each in pieces) <= PIECE
    assert [each.problems for each in pieces] == [(problem,)] * max(1, -(-count // PIECE))
    assert sum(len(each.fresh) for each in pieces) == 1


GATEWAY = """
apiVersion: v1
kind: Service
metadata: {{name: ew, namespace: default, labels: {{topology.istio.io/network: far}}}}
spec: {{type: LoadBalancer, clusterIP: 10.96.0.5, ports: [{{name: tls, port: 15443}}]}}
status: {{loadBalancer: {{ingress: [{{hostname: {host}}}]}}}}
"""


async def test_names_of_gateways_are_looked_up_and_what_is_found_is_pushed(tmp_path: Path) -> None:
    def ways(scene: Scene) -> list[str]:
        return [each.address for each in scene.mesh.snapshot.network_gateways.by_network.get("far", ())]

    async with playing(tmp_path) as scene:
        scene.write("gateway.yaml", GATEWAY.format(host="lb.example"))
        await begin(scene)
        await eventually(lambda: ways(scene) == ["203.0.113.10"])
        await eventually(lambda: any(each.types is None for each in scene.pushed))
        scene.write("gateway.yaml", GATEWAY.format(host="other.example"))
        await eventually(lambda: ways(scene) == ["203.0.113.13"])


def many_services(count: int) -> tuple[Event, ...]:
    (text,) = objects(WEB)
    named = (msgspec.structs.replace(text.metadata, name=f"far-{number}") for number in range(count))
    return tuple(
        Event(ObjectKey("Service", "default", each.name), msgspec.structs.replace(text, metadata=each))
        for each in named
    )


async def test_a_large_cluster_that_comes_holds_nobody_up_and_is_one_push(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with playing(tmp_path) as scene:
        scene.write("web.yaml", WEB)
        await begin(scene)
        beside = asyncio.create_task(others())
        await scene.feed.take_remote("east", Batch(many_services(3 * REMOTE_PIECE), listed=True))
        beside.cancel()
        assert turns >= 3
        assert len(scene.hosts()) == 3 * REMOTE_PIECE + 1
        counted = scene.registry.get_sample_value("pilot_k8s_reg_events", {"type": "Services", "event": "add"})
        assert counted == 3 * REMOTE_PIECE
        await eventually(lambda: scene.pushed)
        await scene.feed.take_remote("east", Batch(many_services(1), listed=True))
        assert scene.hosts() == {"web", "far-0"}
        scene.feed.forget_remote("east")
        assert scene.hosts() == {"web"}
        assert all(each.types is None for each in scene.pushed)
