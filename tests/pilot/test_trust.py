"""The parts of the certificate authority, put together: what a client of the secure port gets to see."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from ca.authn import local_issuer
from ca.errors import CaError
from pilot import trust
from pilot.agent.certificate_authority import ControlPlane, Credentials
from pilot.agent.errors import SigningError
from pilot.agent.options import Address, KeyType
from pilot.agent.token import BearerToken
from pilot.agent.workload_certificate import build_csr, decode_certificates, generate_key, spiffe_ids
from pilot.model.features import Features
from pilot.settings import Addresses, Certificates, Settings
from tests.pilot.agent.examples import options

KEY = generate_key(KeyType.P256)
CSR = build_csr(KEY, "spiffe://cluster.local/ns/not/sa/asked")
SETTINGS = Settings(
    config_dir=Path("/config"),
    addresses=Addresses(secure_grpc="127.0.0.7:15012"),
    certificates=Certificates(default_ttl=timedelta(hours=3), max_ttl=timedelta(hours=5)),
    features=Features(revision="blue", cluster_id="west"),
)


@dataclass(frozen=True)
class Port:
    """A secure port that is served."""

    state: Path
    number: int
    registry: CollectorRegistry

    @property
    def root(self) -> bytes:
        """What clients trust."""
        return (self.state / "root-cert.pem").read_bytes()

    def token(self, audience: str = local_issuer.AUDIENCE) -> BearerToken:
        """Of `back` in `shop`."""
        return BearerToken(local_issuer.load_or_create(self.state).issue("shop", "back", audience=audience))

    async def sign(self, credentials: Credentials | None, lifetime: timedelta = timedelta(hours=1)) -> x509.Certificate:
        """The leaf that a caller gets. Raises: SigningError."""
        client = ControlPlane(
            options(discovery=Address("127.0.0.1", self.number), lifetime=lifetime, cluster_id="west")
        )
        answer = await client.sign(CSR, self.root, credentials)
        return decode_certificates(answer[0].encode(), "answer")[0]

    async def shown(self) -> x509.Certificate:
        """The port's own certificate, which must lead to the root."""
        context = ssl.create_default_context(cadata=self.root.decode())
        context.check_hostname = False
        _, writer = await asyncio.open_connection("127.0.0.1", self.number, ssl=context)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return x509.load_der_x509_certificate(der)


@contextlib.asynccontextmanager
async def serving(state: Path, settings: Settings = SETTINGS, domain: str = "mesh.example") -> AsyncIterator[Port]:
    """A gRPC server behind the secure port."""
    registry = CollectorRegistry()
    async with trust.establish(replace(settings, state_dir=state), domain, registry) as secured:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(secured.handlers)
        server.add_insecure_port(secured.port.target)
        await server.start()
        number = secured.port.bind("127.0.0.1", 0)
        task = asyncio.create_task(secured.port.serve_connections())
        try:
            yield Port(state, number, registry)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await server.stop(0)


async def test_a_token_of_the_state_directorys_issuer_buys_its_subjects_identity(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        leaf = await port.sign(port.token())
        assert spiffe_ids(leaf) == ("spiffe://mesh.example/ns/shop/sa/back",)
        assert leaf.public_key() == KEY.public_key()
        assert port.registry.get_sample_value("citadel_server_success_cert_issuance_count") == 1


@pytest.mark.parametrize("audience", ["somebody", "west"])
async def test_a_token_for_somebody_else_buys_nothing(tmp_path: Path, audience: str) -> None:
    async with serving(tmp_path) as port:
        for credentials in (port.token(audience), None):
            with pytest.raises(SigningError, match="UNAUTHENTICATED"):
                await port.sign(credentials)


async def test_lifetimes_are_those_of_the_settings(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        leaf = await port.sign(port.token(), timedelta(hours=4))
        assert leaf.not_valid_after_utc - datetime.now(UTC) > timedelta(hours=3.9)
        with pytest.raises(SigningError, match="max allowed TTL"):
            await port.sign(port.token(), timedelta(hours=6))


async def test_the_port_shows_every_name_it_is_called_by(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        names = (await port.shown()).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = set(names.get_values_for_type(x509.DNSName))
        assert {"istiod.istio-system.svc", "istiod-blue.istio-system.svc", "localhost"} <= hosts
        assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "127.0.0.7", "::1"}


async def test_a_restart_keeps_the_root_and_with_it_everybodys_trust(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        root, first = port.root, await port.sign(port.token())
    async with serving(tmp_path) as port:
        assert port.root == root
        await port.shown()
        assert (await port.sign(port.token())).issuer == first.issuer


async def test_without_the_authority_nothing_is_signed_but_tls_is_served(tmp_path: Path) -> None:
    settings = replace(SETTINGS, certificates=Certificates(enabled=False))
    async with serving(tmp_path, settings) as port:
        await port.shown()
        with pytest.raises(SigningError, match="UNIMPLEMENTED"):
            await port.sign(port.token())


async def test_nothing_stays_open(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        await port.shown()
    with pytest.raises(ConnectionRefusedError):
        await port.shown()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("run-")]


async def test_a_state_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "token-issuer-key.pem").write_text("not a key")
    (tmp_path / "token-issuer-key.pem").chmod(0o600)
    with pytest.raises(CaError, match=r"token-issuer-key\.pem"):
        async with serving(tmp_path):
            pass
