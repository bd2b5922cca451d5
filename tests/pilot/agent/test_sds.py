import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from google.rpc import status_pb2

from pilot.agent.errors import OptionError
from pilot.agent.sds import SERVICE, DeltaStream, SecretServer, StateOfTheWorldStream
from pilot.agent.secret import Secret
from pilot.agent.secret_store import SecretStore
from pilot.resources import pack
from pilot.type_urls import SECRET
from tests.pilot.agent.eventually import eventually


def secret(name: str, version: str) -> Secret:
    return Secret(name, version, pack(SECRET, version.encode()))


def having(*secrets: Secret) -> Mapping[str, Secret]:
    return {each.name: each for each in secrets}


ONE, TWO, ROOTS = secret("default", "1"), secret("default", "2"), secret("ROOTCA", "r")


def ask(*names: str, nonce: str = "", error: str = "") -> Any:
    detail = status_pb2.Status(message=error) if error else None
    return discovery_pb2.DiscoveryRequest(resource_names=names, response_nonce=nonce, error_detail=detail)


def subscribe(*names: str, unsubscribe: tuple[str, ...] = (), has: Mapping[str, str] | None = None) -> Any:
    return discovery_pb2.DeltaDiscoveryRequest(
        resource_names_subscribe=names, resource_names_unsubscribe=unsubscribe, initial_resource_versions=has
    )


def sotw(response: bytes | None) -> Any:
    return None if response is None else discovery_pb2.DiscoveryResponse.FromString(response)


def delta(response: bytes | None) -> dict[str, str] | None:
    if response is None:
        return None
    return {each.name: each.version for each in discovery_pb2.DeltaDiscoveryResponse.FromString(response).resources}


# --- state of the world ---------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_answered_once() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    response = sotw(stream.respond(having(ONE, ROOTS)))
    assert (response.type_url, response.nonce, response.version_info) == (SECRET, "1", "1")
    assert [each.SerializeToString() for each in response.resources] == [ONE.body]
    assert stream.respond(having(ONE, ROOTS)) is None


def test_an_acknowledgement_is_not_answered() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    stream.respond(having(ONE))
    assert stream.receive(ask("default", nonce="1")) is None
    assert stream.respond(having(ONE)) is None


def test_a_renewed_secret_is_pushed() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    stream.respond(having(ONE))
    response = sotw(stream.respond(having(TWO)))
    assert (response.nonce, [each.value for each in response.resources]) == ("2", [b"2"])


def test_a_secret_that_does_not_exist_yet_is_waited_for() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    assert stream.respond({}) is None
    assert sotw(stream.respond(having(ONE))).version_info == "1"


def test_a_rejected_secret_is_not_sent_again_and_envoys_words_are_told() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    stream.respond(having(ONE))
    assert stream.receive(ask("default", nonce="1", error="bad key")) == "bad key"
    assert stream.respond(having(ONE)) is None
    assert stream.respond(having(TWO)) is not None


def test_a_stale_request_is_ignored() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default"))
    stream.respond(having(ONE))
    stream.respond(having(TWO))
    assert stream.receive(ask("ROOTCA", nonce="1", error="late")) is None
    assert stream.names == ("default",)


def test_a_name_dropped_and_asked_for_again_is_sent_again() -> None:
    stream = StateOfTheWorldStream()
    stream.receive(ask("default", "ROOTCA"))
    stream.respond(having(ONE, ROOTS))
    stream.receive(ask("ROOTCA", nonce="1"))
    assert stream.respond(having(ONE, ROOTS)) is None
    stream.receive(ask("default", "ROOTCA", nonce="1"))
    assert len(sotw(stream.respond(having(ONE, ROOTS))).resources) == 2


# --- delta ----------------------------------------------------------------------------------------------------------


def test_delta_sends_what_is_subscribed_and_then_only_what_changes() -> None:
    stream = DeltaStream()
    stream.receive(subscribe("default", "ROOTCA"))
    assert delta(stream.respond(having(ONE, ROOTS))) == {"ROOTCA": "r", "default": "1"}
    assert stream.respond(having(ONE, ROOTS)) is None
    assert delta(stream.respond(having(TWO, ROOTS))) == {"default": "2"}


def test_delta_does_not_repeat_what_a_reconnecting_envoy_has() -> None:
    stream = DeltaStream()
    stream.receive(subscribe("default", "ROOTCA", has={"default": "1", "ROOTCA": "old", "other": "x"}))
    assert delta(stream.respond(having(ONE, ROOTS))) == {"ROOTCA": "r"}


def test_delta_sends_a_name_again_that_is_subscribed_again() -> None:
    stream = DeltaStream()
    stream.receive(subscribe("default"))
    stream.respond(having(ONE))
    stream.receive(subscribe("default"))
    assert delta(stream.respond(having(ONE))) == {"default": "1"}


def test_delta_forgets_what_is_unsubscribed() -> None:
    stream = DeltaStream()
    stream.receive(subscribe("default"))
    stream.respond(having(ONE))
    stream.receive(subscribe(unsubscribe=("default", "never")))
    assert stream.respond(having(TWO)) is None


def test_delta_tells_envoys_words() -> None:
    request = discovery_pb2.DeltaDiscoveryRequest(error_detail=status_pb2.Status(message="bad key"))
    assert DeltaStream().receive(request) == "bad key"


# --- over a real socket ---------------------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SecretStore]:
    store = SecretStore("reviews.default")
    server = SecretServer(store, tmp_path / "sds.sock", "reviews.default")
    await server.start()
    yield store
    await server.stop()
    assert not (tmp_path / "sds.sock").exists()


def call(channel: grpc.aio.Channel, name: str, response: Any) -> Any:
    method: Any = channel.stream_stream(
        f"/{SERVICE}/{name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=response.FromString,
    )
    return method()


def connect(directory: Path) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"unix:{directory}/sds.sock")


async def test_a_client_gets_secrets_and_their_renewal(tmp_path: Path, store: SecretStore) -> None:
    store.put(ONE, ROOTS)
    async with asyncio.timeout(10), connect(tmp_path) as channel:
        stream = call(channel, "StreamSecrets", discovery_pb2.DiscoveryResponse)
        await stream.write(ask("default"))
        assert (await stream.read()).version_info == "1"
        await stream.write(ask("default", nonce="1"))
        store.put(TWO)
        assert (await stream.read()).version_info == "2"
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK


async def test_a_delta_client_gets_secrets_and_their_renewal(tmp_path: Path, store: SecretStore) -> None:
    store.put(ONE, ROOTS)
    async with asyncio.timeout(10), connect(tmp_path) as channel:
        stream = call(channel, "DeltaSecrets", discovery_pb2.DeltaDiscoveryResponse)
        await stream.write(subscribe("default"))
        assert [each.version for each in (await stream.read()).resources] == ["1"]
        store.put(TWO)
        assert [each.version for each in (await stream.read()).resources] == ["2"]


async def test_a_client_that_came_first_gets_a_secret_once_it_exists(tmp_path: Path, store: SecretStore) -> None:
    async with asyncio.timeout(10), connect(tmp_path) as channel:
        stream = call(channel, "StreamSecrets", discovery_pb2.DiscoveryResponse)
        await stream.write(ask("default"))
        reading = asyncio.ensure_future(stream.read())
        store.put(ONE)
        assert (await reading).version_info == "1"


async def test_a_rejection_is_logged_with_envoys_words(
    tmp_path: Path, store: SecretStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(ONE)
    async with asyncio.timeout(10), connect(tmp_path) as channel:
        stream = call(channel, "StreamSecrets", discovery_pb2.DiscoveryResponse)
        await stream.write(ask("default"))
        await stream.read()
        await stream.write(ask("default", nonce="1", error="failed to load the key"))
        await eventually(lambda: "envoy rejects secret default: failed to load the key" in caplog.text)


async def test_only_the_owner_may_open_the_socket(tmp_path: Path, store: SecretStore) -> None:
    assert (tmp_path / "sds.sock").stat().st_mode & 0o777 == 0o600
    assert store.secrets == {}


def test_a_path_that_is_too_long_for_a_socket_is_refused_at_once() -> None:
    with pytest.raises(OptionError, match="expected at most 107 bytes, choose a shorter run directory"):
        SecretServer(SecretStore("p"), Path("/" + 110 * "x"), "p")
