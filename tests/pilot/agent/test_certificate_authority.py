from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from pilot.agent.certificate_authority import ControlPlane, Credentials
from pilot.agent.errors import SigningError
from pilot.agent.options import Address, KeyType
from pilot.agent.token import BearerToken
from pilot.agent.workload_certificate import WorkloadCertificate, accept_answer, build_csr, generate_key
from tests.pilot.agent.examples import options
from tests.pilot.agent.small_ca import SmallCa
from tests.pilot.agent.small_control_plane import TOKEN, SmallControlPlane

KEY = generate_key(KeyType.P256)
ID = options().spiffe_id
CSR = build_csr(KEY, ID)


@pytest.fixture
async def control_plane(tmp_path: Path) -> AsyncIterator[SmallControlPlane]:
    async with SmallControlPlane(tmp_path) as running:
        yield running


async def sign(control_plane: SmallControlPlane, credentials: Credentials | None, roots: str = "") -> tuple[str, ...]:
    client = ControlPlane(options(discovery=control_plane.address, lifetime=timedelta(hours=1)))
    return tuple(await client.sign(CSR, (roots or control_plane.ca.pem).encode(), credentials))


async def test_a_token_buys_a_certificate(control_plane: SmallControlPlane) -> None:
    leaf, root = await sign(control_plane, BearerToken(TOKEN))
    assert x509.load_pem_x509_certificate(leaf.encode()).public_key() == KEY.public_key()
    assert root == control_plane.ca.pem
    assert (control_plane.signed_for, control_plane.peers) == (["token"], [()])


async def test_the_wanted_lifetime_is_asked_for(control_plane: SmallControlPlane) -> None:
    leaf, _ = await sign(control_plane, BearerToken(TOKEN))
    left = x509.load_pem_x509_certificate(leaf.encode()).not_valid_after_utc - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


async def test_a_certificate_buys_the_next_one(control_plane: SmallControlPlane) -> None:
    first = await sign(control_plane, BearerToken(TOKEN))
    own: WorkloadCertificate = accept_answer(first, KEY, ID, (), datetime.now(UTC))
    await sign(control_plane, own)
    assert control_plane.signed_for == ["token", "certificate"]
    assert control_plane.peers == [(), (ID,)]


@pytest.mark.parametrize("credentials", [None, BearerToken("a.bad.token")])
async def test_without_good_credentials_it_is_refused(
    control_plane: SmallControlPlane, credentials: Credentials | None
) -> None:
    with pytest.raises(SigningError, match="UNAUTHENTICATED: who are you") as caught:
        await sign(control_plane, credentials)
    assert not caught.value.is_retriable
    assert "a.bad.token" not in str(caught.value)


async def test_a_control_plane_that_the_root_does_not_vouch_for_gets_no_token(control_plane: SmallControlPlane) -> None:
    with pytest.raises(SigningError, match="UNAVAILABLE"):
        await sign(control_plane, BearerToken(TOKEN), roots=SmallCa("stranger").pem)
    assert control_plane.signed_for == []


async def test_a_control_plane_of_another_name_gets_no_token(control_plane: SmallControlPlane) -> None:
    client = ControlPlane(options(discovery=control_plane.address, discovery_name="istiod.elsewhere.svc"))
    with pytest.raises(SigningError, match="UNAVAILABLE"):
        await client.sign(CSR, control_plane.ca.pem.encode(), BearerToken(TOKEN))
    assert control_plane.signed_for == []


async def test_an_absent_control_plane_is_retriable() -> None:
    client = ControlPlane(options(discovery=Address("127.0.0.1", 1)))
    with pytest.raises(SigningError, match="UNAVAILABLE") as caught:
        await client.sign(CSR, SmallCa().pem.encode(), None)
    assert caught.value.is_retriable


async def test_a_refusal_keeps_its_code(control_plane: SmallControlPlane) -> None:
    control_plane.refusals.append(grpc.StatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(SigningError) as caught:
        await sign(control_plane, BearerToken(TOKEN))
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
