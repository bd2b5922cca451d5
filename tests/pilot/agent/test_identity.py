import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from pilot.agent import identity as module
from pilot.agent import renewal
from pilot.agent.certificate_authority import Credentials
from pilot.agent.errors import SigningError
from pilot.agent.identity import Identity
from pilot.agent.options import Renewal
from pilot.agent.secret_store import SecretStore
from pilot.agent.token import BearerToken, FixedToken, NoToken, TokenFile, TokenSource
from pilot.agent.workload_certificate import WorkloadCertificate, decode_certificates
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options
from tests.pilot.agent.small_ca import DAY, SmallCa, pem

TOKEN = FixedToken(BearerToken("a.good.token"))


class FakeAuthority:
    """Signs everything, except what a test wants it to refuse."""

    def __init__(self, ca: SmallCa) -> None:
        self.ca = ca
        self.lifetime = DAY
        self.refusals: list[grpc.StatusCode] = []
        self.believes_certificates = True
        self.asked: list[str] = []
        self.trusted: list[bytes] = []

    async def sign(self, csr: bytes, roots_pem: bytes, credentials: Credentials | None) -> Sequence[str]:
        kinds = {WorkloadCertificate: "certificate", BearerToken: "token", type(None): "nothing"}
        self.asked.append(kinds[type(credentials)])
        self.trusted.append(roots_pem)
        if self.refusals:
            raise SigningError(self.refusals.pop(0), "not now")
        if self.asked[-1] == "nothing" or (self.asked[-1] == "certificate" and not self.believes_certificates):
            raise SigningError(grpc.StatusCode.UNAUTHENTICATED, "who are you")
        return [pem(self.ca.sign_csr(csr, self.lifetime)), self.ca.pem]


class Setting:
    """One identity that is being kept, and everything around it."""

    def __init__(self, directory: Path, token: TokenSource = TOKEN, renewal: Renewal | None = None) -> None:
        self.store = SecretStore("reviews.default")
        self.authority = FakeAuthority(SmallCa())
        self.options = options(directory, token=token, renewal=renewal or Renewal())
        self.options.root.write_text(self.authority.ca.pem)
        self.identity = Identity(self.options, self.store, self.authority)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Identity]:
        serving = asyncio.create_task(self.identity.serve())
        try:
            async with asyncio.timeout(20):
                yield self.identity
            assert not serving.done(), serving
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    @property
    def serial(self) -> str:
        assert self.identity.certificate is not None
        return self.identity.certificate.serial


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again after milliseconds."""
    monkeypatch.setattr(renewal, "FIRST_BACKOFF", timedelta(milliseconds=1))
    monkeypatch.setattr(renewal, "SHORTEST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(renewal, "LONGEST_PAUSE", timedelta(milliseconds=1))


async def test_the_first_certificate_is_bought_with_a_token_and_published(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        assert setting.authority.asked == ["token"]
        assert set(setting.store.secrets) == {"default", "ROOTCA"}


async def test_renewals_are_bought_with_the_certificate_and_have_a_new_key(tmp_path: Path) -> None:
    setting = Setting(tmp_path, renewal=Renewal(fraction=0.02))
    setting.authority.lifetime = timedelta(seconds=5)
    async with setting.kept() as identity:
        await identity.available.wait()
        first = identity.certificate
        assert first is not None
        secret = setting.store.secrets["default"]
        await eventually(lambda: len(setting.authority.asked) >= 3)
        second = identity.certificate
        assert second is not None
    assert setting.authority.asked[:3] == ["token", "certificate", "certificate"]
    assert second.serial != first.serial
    assert second.key.public_key() != first.key.public_key()
    assert setting.store.secrets["default"].version != secret.version


async def test_a_certificate_of_a_day_is_not_renewed_at_once(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert setting.authority.asked == ["token"]


async def test_a_passing_failure_is_retried(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.authority.refusals = [grpc.StatusCode.UNAVAILABLE] * 3
    async with setting.kept() as identity:
        await identity.available.wait()
    assert setting.authority.asked == ["token"] * 4


async def test_a_control_plane_that_comes_up_late_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(tmp_path)
    setting.authority.refusals = [grpc.StatusCode.UNAVAILABLE] * 15
    with caplog.at_level("INFO", logger="agent"):
        async with setting.kept() as identity:
            await identity.available.wait()
    said = [each.getMessage() for each in caplog.records]
    assert said[0] == "reviews-v1-a.default: no answer from 127.0.0.1:15012 yet: UNAVAILABLE: not now"
    assert [each for each in said if "envoy is not started before there is one" in each] == [
        f"reviews-v1-a.default: no certificate from 127.0.0.1:15012: {why}; envoy is not started before there is one"
        for why in ["UNAVAILABLE: not now"] * 2
    ]
    assert len(setting.authority.asked) == 16


async def test_a_refusal_is_not_retried_before_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "LONGEST_PAUSE", timedelta(hours=1))
    setting = Setting(tmp_path)
    setting.authority.refusals = [grpc.StatusCode.INVALID_ARGUMENT]
    async with setting.kept() as identity:
        await eventually(lambda: setting.authority.asked)
        for _ in range(20):
            await asyncio.sleep(0)
        assert setting.authority.asked == ["token"]
        identity.renew_now()
        await identity.available.wait()


async def test_a_control_plane_that_forgot_us_is_asked_with_a_token_again(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        first = setting.serial
        setting.authority.believes_certificates = False
        identity.renew_now()
        await eventually(lambda: setting.serial != first)
    assert setting.authority.asked == ["token", "certificate", "token"]


async def test_an_unreadable_token_leaves_the_certificate_as_credentials(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.good.token")
    setting = Setting(tmp_path, token=TokenFile(tmp_path / "token"))
    async with setting.kept() as identity:
        await identity.available.wait()
        first = setting.serial
        (tmp_path / "token").unlink()
        setting.authority.refusals = [grpc.StatusCode.UNAVAILABLE]
        identity.renew_now()
        await eventually(lambda: setting.serial != first)
    assert setting.authority.asked == ["token", "certificate", "certificate"]


async def test_without_a_token_the_first_request_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(tmp_path, token=NoToken())
    async with setting.kept():
        await eventually(lambda: "UNAUTHENTICATED: who are you" in caplog.text)
    assert set(setting.authority.asked) == {"nothing"}


async def test_what_is_in_use_stays_when_a_renewal_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        first = setting.serial
        setting.authority.refusals = [grpc.StatusCode.UNAVAILABLE] * 1000
        identity.renew_now()
        await eventually(lambda: "the one in use is good until" in caplog.text)
        assert setting.serial == first


async def test_an_answer_for_somebody_else_is_not_published(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = Setting(tmp_path)

    async def confused(csr: bytes, _roots: bytes, _credentials: object) -> Sequence[str]:
        setting.authority.asked.append("token")
        return [pem(SmallCa("stranger").sign_csr(csr))]

    monkeypatch.setattr(setting.authority, "sign", confused)
    async with setting.kept() as identity:
        await eventually(lambda: "does not chain to a root" in caplog.text)
        assert not identity.available.is_set()
        assert "default" not in setting.store.secrets


async def test_a_root_file_that_appears_later_is_used_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LONGEST_PAUSE", timedelta(hours=1))
    setting = Setting(tmp_path)
    setting.options.root.unlink()
    async with setting.kept() as identity:
        await eventually(lambda: "there is none to trust yet" in caplog.text)
        setting.options.root.write_text(setting.authority.ca.pem)
        identity.reread_roots()
        await identity.available.wait()
    assert caplog.text.count("No such file or directory") == 1


async def test_a_new_root_reaches_envoy_and_replaces_the_certificate(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        first, roots = setting.serial, setting.store.secrets["ROOTCA"]
        setting.authority.ca = SmallCa("next root")
        setting.options.root.write_text(setting.authority.ca.pem)
        identity.reread_roots()
        assert setting.store.secrets["ROOTCA"].version != roots.version
        await eventually(lambda: setting.serial != first)
    both = decode_certificates(setting.authority.trusted[-1], "roots")
    assert both[0] == setting.authority.ca.certificate
    assert len(both) == 2


async def test_a_root_added_to_the_file_does_not_replace_the_certificate(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        roots = setting.store.secrets["ROOTCA"]
        setting.options.root.write_text(setting.authority.ca.pem + SmallCa("next root").pem)
        identity.reread_roots()
        await asyncio.sleep(0)
        assert setting.store.secrets["ROOTCA"].version != roots.version
        assert setting.authority.asked == ["token"]


async def test_a_broken_root_file_keeps_what_was_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(tmp_path)
    async with setting.kept() as identity:
        await identity.available.wait()
        roots = setting.store.secrets["ROOTCA"]
        for content in ("", "half a certi"):
            setting.options.root.write_text(content)
            identity.reread_roots()
        assert setting.store.secrets["ROOTCA"] == roots
        identity.renew_now()
        await eventually(lambda: len(setting.authority.asked) == 2)
    assert caplog.text.count("expected pem certificates, got none") == 2


async def test_an_expired_certificate_is_no_credential(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    now = module.utc_now()
    setting.identity = Identity(setting.options, setting.store, setting.authority, lambda: now)
    async with setting.kept() as identity:
        await identity.available.wait()
        now += timedelta(days=2)
        setting.authority.lifetime = timedelta(days=5)
        identity.renew_now()
        await eventually(lambda: len(setting.authority.asked) == 2)
    assert setting.authority.asked == ["token", "token"]


async def test_no_secret_is_ever_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(tmp_path)
    setting.authority.refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED]
    with caplog.at_level("DEBUG"):
        async with setting.kept() as identity:
            await identity.available.wait()
    assert "a.good.token" not in caplog.text
    assert "PRIVATE" not in caplog.text
