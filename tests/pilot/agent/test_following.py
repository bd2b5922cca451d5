"""An agent follows the roots of a real certificate authority, and reports what its Envoy has acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from ca.bundle import encode_certificate
from ca.rollover import stages
from ca.rollover.following import Followers
from ca.rollover.holders import Holder, Holding, signer_of
from ca.rollover.ledger import Ledger
from ca.rollover.stages import Action, Stage
from pilot.agent import following, identity
from pilot.agent.certificate_authority import ControlPlane
from pilot.agent.following import RootFollower
from pilot.agent.identity import Identity
from pilot.agent.options import Address
from pilot.agent.secret import CERTIFICATE, ROOTS
from pilot.agent.secret_store import SecretStore
from pilot.agent.token import BearerToken, FixedToken
from pilot.agent.workload_certificate import fingerprint
from tests.ca.makers import RunningAuthority, ec_key, make_root, running_authority
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options

ID = "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
WHO = Holder(ID, "reviews-v1-1.default")


@dataclass
class Setting:
    """An agent without Envoy, and the authority it follows."""

    running: RunningAuthority
    ledger: Ledger
    identity: Identity
    store: SecretStore

    @property
    def holding(self) -> Holding | None:
        return next(iter(self.ledger.holdings.values()), None)


class Late(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Registered before its followers can be made; knows nothing where there are none."""

    followers: Followers | None = None

    def service(self, handler_call_details: Any) -> Any:
        return self.followers.handler().service(handler_call_details) if self.followers is not None else None


@asynccontextmanager
async def followed(directory: Path, *, knows_service: bool = True) -> AsyncIterator[Setting]:
    late, ledger = Late(), Ledger()
    async with running_authority(directory, handlers=[late]) as running:
        if knows_service:
            late.followers = Followers(running.authority, ledger, running.authentication)
        port = int(running.address.rpartition(":")[2])
        chosen = options(
            directory,
            discovery=Address("127.0.0.1", port),
            discovery_name="localhost",
            token=FixedToken(BearerToken(running.issuer.issue("default", "bookinfo-reviews"))),
        )
        chosen.root.write_text(running.roots)
        store = SecretStore("p")
        kept = Identity(chosen, store, ControlPlane(chosen))
        tasks = [asyncio.create_task(each.serve()) for each in (kept, RootFollower(chosen, kept, store))]
        try:
            await eventually(kept.available.is_set)
            yield Setting(running, ledger, kept, store)
            assert not any(each.done() for each in tasks), tasks
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(identity, "RENEWAL_SPREAD", 0.01)


async def test_agent_takes_over_each_stage_of_a_change_of_root(tmp_path: Path) -> None:
    async with followed(tmp_path) as setting:
        authority = setting.running.authority
        first = setting.identity.certificate
        change = stages.begin(authority.bundle, make_root(ec_key(8), authority.clock()), now=authority.clock())
        for stage in (Stage.ADDING, Stage.RENEWING, Stage.DROPPING):
            meant = stages.bundle_of(change, now=authority.clock())
            assert change.stage is stage
            authority.replace(meant)
            fingerprints = {fingerprint(each) for each in meant.root_certificates}

            def has_taken_over(fingerprints: set[str] = fingerprints, signer: str = signer_of(meant)) -> bool:
                holding = setting.holding
                return holding is not None and fingerprints <= set(holding.roots) and holding.signer == signer

            await eventually(has_taken_over)
            change = stages.act(change, Action.ADVANCE, now=authority.clock())
        assert setting.identity.certificate is not first
        assert setting.identity.certificate is not None
        setting.identity.certificate.chain[0].verify_directly_issued_by(authority.bundle.certificate)


async def test_envoy_that_has_not_acknowledged_is_not_reported(tmp_path: Path) -> None:
    async with followed(tmp_path) as setting:
        await eventually(lambda: setting.holding is not None and setting.holding.roots != ())
        before = setting.holding
        envoy, sent = object(), dict(setting.store.secrets)
        setting.store.take(envoy, (CERTIFICATE, ROOTS), {name: each.version for name, each in sent.items()})
        authority = setting.running.authority
        change = stages.begin(authority.bundle, make_root(ec_key(8), authority.clock()), now=authority.clock())
        authority.replace(stages.bundle_of(change, now=authority.clock()))
        await eventually(lambda: setting.store.secrets[ROOTS] != sent[ROOTS])
        for _ in range(50):
            await asyncio.sleep(0)
        assert setting.holding == before
        versions = {name: each.version for name, each in setting.store.secrets.items()}
        setting.store.take(envoy, (CERTIFICATE, ROOTS), versions)
        await eventually(lambda: setting.holding is not None and len(setting.holding.roots) == 2)


async def test_follower_comes_back_after_the_stream_ended(tmp_path: Path) -> None:
    async with followed(tmp_path) as setting:
        await eventually(lambda: setting.holding is not None)
        setting.ledger.holdings.clear()  # type: ignore[attr-defined]  # what a test may do
        for end in tuple(setting.running.port._open):
            end.transport.abort()
        await eventually(lambda: setting.holding is not None)
        await eventually(lambda: len(setting.ledger.reporting) == 1)


async def test_control_plane_that_does_not_know_the_service_is_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", logger="agent"):
        async with followed(tmp_path, knows_service=False) as setting:
            await eventually(lambda: "roots are not followed" in caplog.text)
            assert [encode_certificate(each) for each in setting.identity.roots()] == [setting.running.roots]
            assert caplog.text.count("roots are not followed") == 1
