"""The streams of agents: what they are told, what their reports do, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from ca.bundle import encode_certificate, encode_private_key
from ca.rollover.following import METHOD, SERVICE, Followers
from ca.rollover.holders import Holder, Holding, fingerprint
from ca.rollover.ledger import Ledger
from istio_api import trust_pb2
from tests.ca.makers import APP, RunningAuthority, ec_key, make_leaf, make_root, running_authority, until

PATH = f"/{SERVICE}/{METHOD}"


@dataclass
class Followed:
    """A certificate authority that is followed."""

    running: RunningAuthority
    followers: Followers
    ledger: Ledger

    @asynccontextmanager
    async def stream(self, *reports: bytes, known: bool = True) -> AsyncIterator[Any]:
        metadata = self.running.bearer() if known else []
        async with self.running.channel() as channel:
            method: Any = channel.stream_stream(PATH, request_serializer=bytes, response_deserializer=bytes)
            call = method(metadata=metadata, timeout=10)
            for each in reports:
                await call.write(each)
            yield call


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    late = Late()
    async with running_authority(tmp_path, handlers=[late]) as running:
        ledger = Ledger()
        late.followers = Followers(running.authority, ledger, running.authentication)
        yield Followed(running, late.followers, ledger)


class Late(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Registered before its followers can be made."""

    followers: Followers | None = None

    def service(self, handler_call_details: Any) -> Any:
        assert self.followers is not None
        return self.followers.handler().service(handler_call_details)


def report(**values: Any) -> bytes:
    return trust_pb2.Report(**({"proxy": "web-1.demo"} | values)).SerializeToString()


async def told(call: Any) -> trust_pb2.Trust:
    return trust_pb2.Trust.FromString(await call.read())


async def drained(call: Any) -> None:
    """Reads until the stream ends. Raises: AioRpcError."""
    while await call.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]  # missing in grpc-stubs
        pass


async def test_follower_is_told_what_is_in_force_and_every_change(followed: Followed) -> None:
    authority = followed.running.authority
    first, second = authority.bundle, make_root(ec_key(8), authority.clock())
    async with followed.stream(report()) as call:
        trust = await told(call)
        assert list(trust.roots) == [encode_certificate(first.certificate)]
        assert trust.signer == fingerprint(first.roots)
        authority.replace(second)
        trust = await told(call)
        assert (list(trust.roots), trust.signer) == ([second.roots], fingerprint(second.roots))


async def test_follower_of_a_plugged_in_ca_is_not_asked_to_renew(followed: Followed) -> None:
    async with followed.stream(report()) as call:
        await told(call)
        bundle = followed.running.authority.bundle
        followed.running.authority.replace(replace(bundle, chain=(bundle.roots,)))
        assert (await told(call)).signer == ""


async def test_follower_is_told_of_the_other_roots_of_the_mesh(followed: Followed) -> None:
    own, other = followed.running.roots, make_root(ec_key(8)).roots
    async with followed.stream(report()) as call:
        assert list((await told(call)).roots) == [own]
        followed.followers.also_trust((other, own))
        assert list((await told(call)).roots) == [own, other]
        followed.followers.also_trust(())
        assert list((await told(call)).roots) == [own]


async def test_report_counts_for_the_identity_that_was_proven_while_the_stream_lasts(followed: Followed) -> None:
    who = Holder(APP, "web-1.demo")
    async with followed.stream(report(roots=["a", "b"], signer="a", expiry=1 << 32)) as call:
        await told(call)
        assert followed.ledger.holdings[who] == Holding("a", ("a", "b"), 1 << 32)
        assert followed.followers.connected() == {who}
        await call.write(report(roots=["b"], signer="b", expiry=1 << 33))
        await until(lambda: followed.ledger.holdings[who] == Holding("b", ("b",), 1 << 33))
    await until(lambda: len(followed.followers.connected()) == 0)
    assert who in followed.ledger.holdings


async def test_caller_with_a_certificate_follows_as_well(followed: Followed) -> None:
    running = followed.running
    leaf = make_leaf(running.authority.bundle, ec_key(2).public_key(), now=running.authority.clock())
    credentials = grpc.ssl_channel_credentials(
        running.roots.encode(), encode_private_key(ec_key(2)), encode_certificate(leaf).encode()
    )
    async with grpc.aio.secure_channel(running.address, credentials) as channel:
        method: Any = channel.stream_stream(PATH, request_serializer=bytes, response_deserializer=bytes)
        call = method(timeout=10)
        await call.write(report())
        await told(call)
        assert followed.followers.connected() == {Holder(APP, "web-1.demo")}


async def test_stranger_is_refused(followed: Followed) -> None:
    async with followed.stream(report(), known=False) as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert caught.value.details() == "request authenticate failure"


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff\xff",
        report(proxy=""),
        report(roots=["x"] * 101),
        report(roots=["x" * 300]),
        report(signer="x" * 300),
        report(expiry=1 << 50),
    ],
)
async def test_bad_report_ends_its_stream_and_leaves_nothing(followed: Followed, bad: bytes) -> None:
    async with followed.stream(report(), bad) as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await drained(call)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await until(lambda: len(followed.followers.connected()) == 0)


async def test_two_streams_of_one_proxy_are_one_follower(followed: Followed) -> None:
    async with followed.stream(report()) as first:
        await told(first)
        async with followed.stream(report()) as second:
            await told(second)
            assert len(followed.followers.connected()) == 1
        await asyncio.sleep(0)
        await until(lambda: sum(followed.ledger.reporting.values()) == 1)
        assert len(followed.followers.connected()) == 1
