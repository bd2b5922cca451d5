import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from pilot.agent.admin import AdminClient, LoadedCertificate
from pilot.agent.errors import AdminError
from pilot.agent.options import Address
from tests.pilot.agent.small_admin import READY, SmallAdmin


@pytest.fixture
async def envoy() -> AsyncIterator[SmallAdmin]:
    async with SmallAdmin() as running:
        yield running


@pytest.fixture
async def client(envoy: SmallAdmin) -> AsyncIterator[AdminClient]:
    async with AdminClient(envoy.address) as admin:
        yield admin


async def test_a_live_envoy_with_a_configuration_is_ready(client: AdminClient) -> None:
    assert await client.is_live()
    assert await client.why_not_ready() is None


@pytest.mark.parametrize(
    ("stat", "value", "reason"),
    [
        ("cluster_manager.cds.update_success", 0, "no configuration yet: no answer to cds"),
        ("listener_manager.lds.update_success", 0, "no configuration yet: no answer to lds"),
        ("server.state", 2, "envoy is not live yet"),
        ("listener_manager.workers_started", 0, "envoy's workers have not started"),
    ],
)
async def test_what_is_missing_is_said(
    envoy: SmallAdmin, client: AdminClient, stat: str, value: int, reason: str
) -> None:
    envoy.stats = {**READY, stat: value}
    assert await client.why_not_ready() == reason


async def test_a_rejected_configuration_is_an_answer_too(envoy: SmallAdmin, client: AdminClient) -> None:
    envoy.stats |= {"listener_manager.lds.update_success": 0, "listener_manager.lds.update_rejected": 1}
    assert await client.why_not_ready() is None


async def test_an_envoy_that_is_not_there_is_not_ready() -> None:
    async with AdminClient(Address("127.0.0.1", 1)) as admin:
        assert not await admin.is_live()
        assert "127.0.0.1:1" in (await admin.why_not_ready() or "")


async def test_counters_and_gauges_are_numbers_and_the_rest_is_left_out(envoy: SmallAdmin, client: AdminClient) -> None:
    envoy.stats = {"a.count": 3, "a.version_text": "12"}
    assert await client.stats("^a[.]") == {"a.count": 3}
    assert envoy.asked == ["GET /stats?filter=%5Ea%5B.%5D&format=json"] or "filter=" in envoy.asked[0]


async def test_only_connections_of_clients_count(envoy: SmallAdmin, client: AdminClient) -> None:
    envoy.stats = {
        "listener.admin.downstream_cx_active": 1,
        "listener.0.0.0.0_80.downstream_cx_active": 2,
        "listener.0.0.0.0_80.worker_0.downstream_cx_active": 2,
        "listener.[__1]_80.downstream_cx_active": 3,
    }
    assert await client.active_connections() == 5


async def test_certificates_are_read_with_their_names(envoy: SmallAdmin, client: AdminClient) -> None:
    leaf = {
        "serial_number": "00AB12",
        "subject_alt_names": [{"uri": "spiffe://td/ns/a/sa/b"}, {"dns": "x"}],
        "expiration_time": "2026-01-02T03:04:05Z",
    }
    envoy.texts["/certs"] = json.dumps(
        {"certificates": [{"ca_cert": [], "cert_chain": [leaf]}, {"cert_chain": [leaf]}]}
    )
    expires = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert await client.certificates() == (LoadedCertificate("ab12", ("spiffe://td/ns/a/sa/b",), expires),)


async def test_the_configuration_is_dumped_by_kind(envoy: SmallAdmin, client: AdminClient) -> None:
    envoy.texts["/config_dump"] = '{"configs": [{"name": "a"}]}'
    assert await client.config_dump("dynamic_listeners", mask="name") == [{"name": "a"}]
    assert envoy.asked == ["GET /config_dump?resource=dynamic_listeners&mask=name"]


async def test_draining_is_graceful(envoy: SmallAdmin, client: AdminClient) -> None:
    envoy.texts["/drain_listeners"] = "OK"
    await client.drain_listeners()
    assert envoy.asked[0].startswith("POST /drain_listeners?graceful")


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "expected status 200, got 503: not now"), ("oops", "expected json, got 'oops'"), ("[]", "got list")],
)
async def test_an_unexpected_answer_is_named(
    envoy: SmallAdmin, client: AdminClient, text: str | None, words: str
) -> None:
    if text is not None:
        envoy.texts["/server_info"] = text
    with pytest.raises(AdminError, match=words):
        await client.server_info()
