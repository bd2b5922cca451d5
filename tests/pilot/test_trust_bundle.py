"""The roots of a mesh that has several: from where, when they change, and what proxies are sent."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf import any_pb2

from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import KeySetError
from istio_api import proxy_config_pb2
from pilot import trust_bundle
from pilot.model.mesh import CertificateData, MeshConfig
from pilot.trust_bundle import TrustBundle
from tests.ca.makers import ec_key, make_leaf, make_root, pem_of, until

OWN, OTHER, FAR, REGISTERED = (make_root(ec_key(number), name=f"root {number}") for number in range(4))
URL = "https://far.example/bundle"


class Setting:
    """One trust bundle and what it published."""

    def __init__(self, *certificates: CertificateData) -> None:
        self.config = MeshConfig(ca_certificates=certificates)
        self.authority = Authority(OWN)
        self.answers: dict[str, bytes] = {}
        self.fetches = 0
        self.published: list[tuple[str, ...]] = []
        self.registered = ""
        self.bundle = TrustBundle(lambda: self.config, self.authority, lambda: self.registered, self.fetch)

    async def fetch(self, url: str) -> bytes:
        self.fetches += 1
        if url not in self.answers:
            raise KeySetError(f"{url}: no answer")
        return self.answers[url]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.bundle.serve(self.published.append))
        try:
            await until(lambda: bool(self.published))
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def trusts(self, *roots: Bundle) -> None:
        wanted = tuple(sorted(each.roots for each in roots))
        await until(lambda: self.published[-1] == wanted)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_bundle, "LOOK", 0.002)
    monkeypatch.setattr(trust_bundle, "FIRST_RETRY", 0.001)


def spiffe(root: Bundle) -> bytes:
    der = base64.b64encode(root.certificate.public_bytes(Encoding.DER)).decode()
    return json.dumps({"keys": [{"use": "x509-svid", "x5c": [der]}]}).encode()


async def test_sources_are_merged_and_every_change_is_published_once() -> None:
    setting = Setting(CertificateData(pem=OTHER.roots), CertificateData(pem=OTHER.roots + OWN.roots))
    async with setting.served():
        await setting.trusts(OWN, OTHER)
        setting.registered = REGISTERED.roots
        await setting.trusts(OWN, OTHER, REGISTERED)
        setting.authority.replace(FAR)
        setting.config = MeshConfig()
        await setting.trusts(FAR, REGISTERED)
        assert len(setting.published) == len(set(setting.published))


async def test_spiffe_bundle_is_fetched_again_until_it_comes_and_forgotten_when_it_is_not_wanted() -> None:
    setting = Setting(CertificateData(spiffe_bundle_url=URL))
    async with setting.served():
        await setting.trusts(OWN)
        await until(lambda: setting.fetches > 2)
        setting.answers[URL] = spiffe(FAR)
        await setting.trusts(OWN, FAR)
        setting.config = MeshConfig()
        await setting.trusts(OWN)


async def test_address_that_stops_answering_keeps_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_bundle, "REFRESH", 0.001)
    monkeypatch.setattr(trust_bundle, "GIVE_UP", 0.0)
    setting = Setting(CertificateData(spiffe_bundle_url=URL))
    setting.answers[URL] = spiffe(FAR)
    async with setting.served():
        await setting.trusts(OWN, FAR)
        del setting.answers[URL]
        count = setting.fetches
        await until(lambda: setting.fetches > count + 3)
        await setting.trusts(OWN, FAR)


@pytest.mark.parametrize("bad", ["nonsense", pem_of(make_leaf(OWN, ec_key(9).public_key()))])
async def test_what_is_no_root_is_left_out_and_told_once(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(CertificateData(pem=bad), CertificateData(pem=OTHER.roots))
    async with setting.served():
        await setting.trusts(OWN, OTHER)
        for _ in range(20):
            await asyncio.sleep(0.001)
    assert caplog.text.count("caCertificates[0]") == 1


async def test_plain_http_is_not_fetched(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(trust_bundle, "GIVE_UP", 0.0)
    setting = Setting(CertificateData(spiffe_bundle_url="http://far.example"))
    async with setting.served():
        await until(lambda: "expected an https URL" in caplog.text)
    assert setting.fetches == 0


def test_proxies_get_one_resource_without_a_name_that_holds_nothing_but_the_roots() -> None:
    (found,) = trust_bundle.build((OWN.roots, OTHER.roots)).resources.values()
    body = any_pb2.Any.FromString(found.body)
    assert (found.name, body.type_url) == ("", "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig")
    meant = proxy_config_pb2.ProxyConfig(ca_certificates_pem=[OWN.roots, OTHER.roots])
    assert proxy_config_pb2.ProxyConfig.FromString(body.value) == meant
