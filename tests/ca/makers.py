"""Small makers for tests of the certificate authority: keys, requests, bundles, and a whole server on a free port."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca import bundle, issue, signer, template
from ca.authn import local_issuer
from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.chain import Chain
from ca.authn.client_certificate import ClientCertificateAuthenticator, spiffe_names
from ca.authn.grpc_call import GrpcAuthentication
from ca.authority import Authority
from ca.bundle import Bundle
from ca.csr import PublicKey
from ca.metrics import CaMetrics
from ca.rotation import ServingRotation
from ca.secure_port import SecurePort
from ca.service import METHOD, SERVICE, CertificateService
from ca.signer import PrivateKey
from ca.spiffe import TrustDomain
from ca.template import LifetimePolicy
from istio_api import ca_pb2

MESH = TrustDomain("cluster.local")
APP = "spiffe://cluster.local/ns/demo/sa/app"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
YEARS = timedelta(hours=87600)


@cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _ec_key(number: int, curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """One key for each number: making them takes longer than everything that tests do with them."""
    return _rsa_key(number)


def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """One key for each number and curve."""
    return _ec_key(number, curve)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Polls what has no event of its own. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


def make_csr(
    key: PrivateKey,
    subject: x509.Name | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    algorithm: hashes.HashAlgorithm | None = None,
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return pem_of(builder.sign(key, algorithm or hashes.SHA256()))  # type: ignore[arg-type]


def pem_of(each: x509.CertificateSigningRequest | x509.Certificate) -> str:
    return each.public_bytes(Encoding.PEM).decode()


def make_root(
    key: PrivateKey, now: datetime = NOON, lifetime: timedelta = YEARS, name: str = "cluster.local"
) -> Bundle:
    root = template.build_root(name, key.public_key(), lifetime, now=now, serial=7)
    pem = bundle.encode_certificate(signer.sign(root, key)).encode()
    return bundle.decode_bundle(pem, bundle.encode_private_key(key), b"", pem, now=now)


def make_leaf(
    root: Bundle,
    public_key: PublicKey,
    identities: tuple[str, ...] = (APP,),
    now: datetime = NOON,
    lifetime: timedelta = timedelta(hours=1),
) -> x509.Certificate:
    leaf = template.build_leaf(
        public_key, identities, lifetime, root.issuer, wants_common_name=False, now=now, serial=99
    )
    return signer.sign(leaf, root.key.reveal())


def make_intermediate(
    above: Bundle,
    key: PrivateKey,
    name: str = "Intermediate",
    lifetime: timedelta = timedelta(days=30),
    now: datetime = NOON,
) -> x509.Certificate:
    """A CA below another, as an operator plugs it in."""
    parent = above.certificate
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(parent.subject)
        .public_key(key.public_key())
        .serial_number(11)
        .not_valid_before(now)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(above.key.reveal(), hashes.SHA256())
    )


def split(pem: str) -> list[x509.Certificate]:
    return list(x509.load_pem_x509_certificates(pem.encode()))


@dataclass
class RunningAuthority:
    """A certificate service on a real TLS port of the loopback."""

    address: str
    roots: str
    authority: Authority
    issuer: local_issuer.LocalIssuer
    rotation: ServingRotation
    port: SecurePort
    metrics: CaMetrics
    authentication: GrpcAuthentication

    def channel(self, key: PrivateKey | None = None, certificates: str = "") -> grpc.aio.Channel:
        """A client's, with or without a certificate of its own; every channel makes its own connection."""
        credentials = grpc.ssl_channel_credentials(
            self.roots.encode(),
            bundle.encode_private_key(key) if key else None,
            certificates.encode() if certificates else None,
        )
        return grpc.aio.secure_channel(self.address, credentials, [("grpc.use_local_subchannel_pool", 1)])

    async def call(
        self,
        request: bytes,
        metadata: Sequence[tuple[str, str]] = (),
        key: PrivateKey | None = None,
        certificates: str = "",
        path: str = f"/{SERVICE}/{METHOD}",
    ) -> bytes:
        async with self.channel(key, certificates) as channel:
            call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
            response: bytes = await call(request, metadata=tuple(metadata), timeout=10)
            return response

    async def create(
        self,
        request: ca_pb2.IstioCertificateRequest,
        metadata: Sequence[tuple[str, str]] = (),
        key: PrivateKey | None = None,
        certificates: str = "",
    ) -> list[str]:
        response = await self.call(request.SerializeToString(), metadata, key, certificates)
        return list(ca_pb2.IstioCertificateResponse.FromString(response).cert_chain)

    def bearer(self, namespace: str = "demo", service_account: str = "app") -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.issuer.issue(namespace, service_account)}")]


class Here:
    """Signs on the spot: tests of everything else need no other process."""

    async def issue(
        self,
        bundle: Bundle,
        policy: LifetimePolicy,
        csr_pem: str,
        identities: tuple[str, ...],
        requested_seconds: int,
        *,
        now: datetime,
        serial: int,
    ) -> list[str]:
        return issue.issue(bundle, policy, csr_pem, identities, requested_seconds, now=now, serial=serial)


@asynccontextmanager
async def running_authority(
    state: Path,
    root: Bundle | None = None,
    policy: LifetimePolicy | None = None,
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    handlers: Sequence[grpc.GenericRpcHandler] = (),  # type: ignore[type-arg]
) -> AsyncIterator[RunningAuthority]:
    """Wired as the control plane wires it; everything is gone afterwards."""
    clock = local_issuer.utc_now
    authority = Authority(root or make_root(rsa_key(), clock()), policy, clock)
    issuer = local_issuer.load_or_create(state)
    rotation = ServingRotation(authority, names)
    port = SecurePort(lambda: rotation.context, lambda der: spiffe_names(der, MESH, clock()), state)
    chain = Chain((ClientCertificateAuthenticator(), LocalTokenAuthenticator(issuer, MESH)))
    authentication = GrpcAuthentication(chain, port.connections)
    metrics = CaMetrics(authority)
    server = grpc.aio.server()
    service = CertificateService(authority, authentication, metrics, Here())
    server.add_generic_rpc_handlers((service.handler(), *handlers))
    server.add_insecure_port(port.target)
    number = port.bind("127.0.0.1", 0)
    await server.start()
    async with asyncio.TaskGroup() as tasks:
        serving = [tasks.create_task(port.serve_connections()), tasks.create_task(rotation.serve_rotation())]
        try:
            yield RunningAuthority(
                f"localhost:{number}",
                authority.bundle.roots,
                authority,
                issuer,
                rotation,
                port,
                metrics,
                authentication,
            )
        finally:
            for task in serving:
                task.cancel()
            await server.stop(0)
            port.close()


def plug_in(directory: Path, now: datetime = NOON, root: Bundle | None = None, key: PrivateKey | None = None) -> Bundle:
    """Files of an intermediate in istiod's native layout; returns its root."""
    root, key = root or make_root(ec_key(), now), key or ec_key(1)
    own = make_intermediate(root, key, now=now)
    chain = bundle.encode_certificate(own) + bundle.encode_certificate(root.certificate)
    (directory / "ca-cert.pem").write_text(bundle.encode_certificate(own))
    (directory / "ca-key.pem").write_bytes(bundle.encode_private_key(key))
    (directory / "cert-chain.pem").write_text(chain)
    (directory / "root-cert.pem").write_text(root.roots)
    return root


def make_revocations(issuer: x509.Certificate, key: PrivateKey, now: datetime = NOON) -> str:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    made = builder.last_update(now).next_update(now + timedelta(days=7)).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()
