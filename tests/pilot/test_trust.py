"""The wiring of trust: which CA, which authenticators, which tasks; calls go over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from ca.authn import local_issuer
from ca.authn.impersonation import PlacedPod, Pods
from ca.authn.local_issuer import uid_of, utc_now
from ca.authn.oidc import JwtRule
from ca.bundle import Bundle, encode_certificate, encode_private_key
from ca.errors import BundleError, CaError
from ca.spiffe import TrustDomain
from istio_api import ca_pb2
from pilot import callers, settings, trust
from pilot.model.mesh import MeshConfig
from tests.ca.makers import ec_key, make_csr, make_leaf, make_root, plug_in, split
from tests.pilot.agent.eventually import eventually

PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate"


@dataclass
class Served:
    """A control plane's trust on a free port."""

    port: int
    state: Path
    config: list[MeshConfig]
    """The first is in force."""

    async def create(self, roots: str, headers: Mapping[str, str], **metadata: str) -> list[str]:
        message = ca_pb2.IstioCertificateRequest(csr=make_csr(ec_key(3)))
        message.metadata.update(metadata)
        credentials = grpc.ssl_channel_credentials(roots.encode())
        async with grpc.aio.secure_channel(f"localhost:{self.port}", credentials) as channel:
            call = channel.unary_unary(PATH, request_serializer=bytes, response_deserializer=bytes)
            answer = await call(message.SerializeToString(), metadata=tuple(headers.items()), timeout=10)
        return list(ca_pb2.IstioCertificateResponse.FromString(answer).cert_chain)

    def bearer(self, namespace: str = "demo", account: str = "app", pod: str = "") -> dict[str, str]:
        token = local_issuer.load_or_create(self.state).issue(namespace, account, pod=pod)
        return {"authorization": f"Bearer {token}"}

    @property
    def own_root(self) -> str:
        return (self.state / "root-cert.pem").read_text()


@asynccontextmanager
async def served(
    state: Path, environ: Mapping[str, str], pods: Pods | None = None, flags: Mapping[str, Path] | None = None
) -> AsyncIterator[Served]:
    given = {"config_dir": state, "state_dir": state, "cluster_aliases": "other=Kubernetes,far=away", **(flags or {})}
    loaded = settings.load(given, {"ROOT_CA_DIR": str(state / "none"), **environ})
    assert loaded.warnings == ()
    config = [MeshConfig()]
    async with trust.establish(loaded, lambda: config[0], CollectorRegistry(), pods) as found:
        assert found.port is not None
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(found.handlers)
        server.add_insecure_port(found.port.target)
        number = found.port.bind("127.0.0.1", 0)
        await server.start()
        task = asyncio.create_task(found.port.serve_connections())
        yield Served(number, state, config)
        task.cancel()
        await server.stop(0)


def names(pem: str) -> list[str]:
    found = split(pem)[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.UniformResourceIdentifier)


async def test_own_root_signs_where_nothing_is_plugged_in(tmp_path: Path) -> None:
    async with served(tmp_path, {}) as running:
        chain = await running.create(running.own_root, running.bearer())
        assert names(chain[0]) == ["spiffe://cluster.local/ns/demo/sa/app"]
        assert chain[1:] == [running.own_root]


async def test_plugged_in_ca_signs_and_its_change_is_followed(tmp_path: Path) -> None:
    directory = tmp_path / "cacerts"
    directory.mkdir()
    root = plug_in(directory, utc_now() - timedelta(hours=1))
    async with served(tmp_path, {"ROOT_CA_DIR": str(directory)}) as running:
        chain = await running.create(root.roots, running.bearer())
        split(chain[0])[0].verify_directly_issued_by(split(chain[1])[0])
        assert chain[2:] == [root.roots, root.roots]
        assert not (tmp_path / "ca-key.pem").exists()
        plug_in(directory, utc_now() - timedelta(hours=1), root, ec_key(9))
        async with asyncio.timeout(20):
            while (
                split((await running.create(root.roots, running.bearer()))[1])[0].public_key() != ec_key(9).public_key()
            ):
                (directory / "touched").touch()


async def test_incomplete_plugged_in_ca_ends_the_start(tmp_path: Path) -> None:
    plug_in(tmp_path)
    (tmp_path / "cert-chain.pem").unlink()
    with pytest.raises(BundleError, match="incomplete CA"):
        async with served(tmp_path / "state", {"ROOT_CA_DIR": str(tmp_path)}):
            pass


@pytest.mark.parametrize(("cluster", "is_known"), [("Kubernetes", True), ("other", True), ("far", False), ("x", False)])
async def test_aliases_of_our_cluster_are_our_cluster(tmp_path: Path, cluster: str, is_known: bool) -> None:
    async with served(tmp_path, {}) as running:
        headers = running.bearer() | {"clusterid": cluster}
        if is_known:
            await running.create(running.own_root, headers)
        else:
            with pytest.raises(grpc.aio.AioRpcError):
                await running.create(running.own_root, headers)


async def test_gateway_on_this_machine_may_forward_a_certificate(tmp_path: Path) -> None:
    forwarded = {"x-forwarded-client-cert": "Hash=a;URI=spiffe://cluster.local/ns/demo/sa/far"}
    async with served(tmp_path, {"TRUSTED_GATEWAY_CIDR": "10.0.0.0/8"}) as running:
        assert names((await running.create(running.own_root, forwarded))[0]) == [
            "spiffe://cluster.local/ns/demo/sa/far"
        ]
    async with served(tmp_path, {}) as running:
        with pytest.raises(grpc.aio.AioRpcError):
            await running.create(running.own_root, forwarded)


async def test_nobody_gets_a_certificate_where_authentication_is_off(tmp_path: Path) -> None:
    async with served(tmp_path, {"XDS_AUTH": "false"}) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.create(running.own_root, running.bearer())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def written(directory: Path, root: Bundle) -> dict[str, Path]:
    """Flags for a certificate that somebody else issued."""
    leaf = make_leaf(root, ec_key(8).public_key(), ("localhost",), utc_now())
    for name, content in (
        ("crt", encode_certificate(leaf)),
        ("key", encode_private_key(ec_key(8)).decode()),
        ("ca", root.roots),
    ):
        (directory / name).write_text(content)
    return {
        "tls_cert_file": directory / "crt",
        "tls_key_file": directory / "key",
        "ca_cert_file": directory / "ca",
    }


async def test_where_somebody_else_signs_there_is_no_service_and_no_root_of_ours(tmp_path: Path) -> None:
    root = make_root(ec_key(7), utc_now() - timedelta(hours=1), name="elsewhere")
    async with served(tmp_path, {"ENABLE_CA_SERVER": "false"}, flags=written(tmp_path, root)) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.create(root.roots, running.bearer())
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert not (tmp_path / "ca-key.pem").exists()


@pytest.mark.parametrize(
    ("environ", "has_service"),
    [({"ENABLE_CA_SERVER": "false"}, False), ({"PILOT_CERT_PROVIDER": "none"}, True)],
    ids=["no CA", "no provider"],
)
async def test_without_a_certificate_there_is_no_secure_port(
    tmp_path: Path, environ: dict[str, str], has_service: bool, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = settings.load({"config_dir": tmp_path, "state_dir": tmp_path}, {"ROOT_CA_DIR": "/none", **environ})
    async with trust.establish(loaded, MeshConfig, CollectorRegistry()) as found:
        assert (found.port, found.serving) == (None, None)
        assert bool(found.handlers) is has_service  # for the plaintext port, where everybody is a stranger
    assert "there is no secure port" in caplog.text


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"PILOT_CERT_PROVIDER": "kubernetes"}, "this one was removed"),
        ({"PILOT_CERT_PROVIDER": "k8s.io/x/y"}, "no Kubernetes to ask"),
        ({"EXTERNAL_CA": "ISTIOD_RA_KUBERNETES_API"}, "no Kubernetes to ask"),
        ({"EXTERNAL_CA": "nonsense"}, "expected ISTIOD_RA_KUBERNETES_API, got 'nonsense'"),
        ({"COMPLIANCE_POLICY": "pqc"}, "X25519MLKEM768"),
    ],
)
async def test_provider_that_cannot_be_ends_the_start(tmp_path: Path, environ: dict[str, str], why: str) -> None:
    loaded = settings.load({"config_dir": tmp_path, "state_dir": tmp_path}, {"ROOT_CA_DIR": "/none", **environ})
    with pytest.raises(CaError, match=why):
        async with trust.establish(loaded, MeshConfig, CollectorRegistry()):
            pass


async def test_trust_domain_that_changes_is_that_of_tokens_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "LOOK", 0.01)
    async with served(tmp_path, {}) as running:
        chain = await running.create(running.own_root, running.bearer())
        assert names(chain[0]) == ["spiffe://cluster.local/ns/demo/sa/app"]
        running.config[0] = MeshConfig(trust_domain="new.example")

        async def is_renamed() -> bool:
            chain = await running.create(running.own_root, running.bearer())
            return names(chain[0]) == ["spiffe://new.example/ns/demo/sa/app"]

        await eventually(is_renamed)
        running.config[0] = MeshConfig(trust_domain="Not A Domain")
        running.config.append(MeshConfig())
        assert await is_renamed()


async def test_own_rule_is_believed_by_the_certificate_service_alone(tmp_path: Path) -> None:
    environ = {"TOKEN_ISSUER": "https://127.0.0.1:1/issuer", "AUDIENCE": "mesh"}
    loaded = settings.load({"config_dir": tmp_path, "state_dir": tmp_path}, environ)
    assert loaded.certificates.own_rule == JwtRule("https://127.0.0.1:1/issuer", ("mesh",))
    assert settings.load({}, environ | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}).certificates.own_rule is None
    assert settings.load({}, {"TOKEN_ISSUER": "x"}).certificates.own_rule is None  # for whom?
    async with contextlib.AsyncExitStack() as undo:
        known = await callers.known(loaded, None, undo)
        domain = TrustDomain("cluster.local")
        streams = [each.name for each in known.chain(domain).authenticators]
        assert [each.name for each in known.ca_chain(domain).authenticators] == [*streams, "IDTokenAuthenticator"]
        for task in known.tasks:
            task.close()


async def test_own_certificate_may_come_from_files(tmp_path: Path) -> None:
    root = make_root(ec_key(7), utc_now() - timedelta(hours=1), name="elsewhere")
    async with served(tmp_path, {}, flags=written(tmp_path, root)) as running:
        chain = await running.create(root.roots, running.bearer())
        assert chain[1:] == [running.own_root]
    assert settings.load({"tls_cert_file": tmp_path / "crt"}, {}).warnings


class OneNode:
    """ztunnel and one workload."""

    def find(self, namespace: str, name: str) -> PlacedPod | None:
        return PlacedPod(uid_of(namespace, name), "ztunnel", "n1") if name == "ztunnel-1" else None

    def runs_on(self, node: str, namespace: str, service_account: str) -> bool:
        return (node, namespace, service_account) == ("n1", "demo", "app")


async def test_node_proxy_gets_certificates_of_workloads_beside_it(tmp_path: Path) -> None:
    wanted = "spiffe://cluster.local/ns/demo/sa/app"
    environ = {"CA_TRUSTED_NODE_ACCOUNTS": "istio-system/ztunnel"}
    async with served(tmp_path, environ, OneNode()) as running:
        proxy = running.bearer("istio-system", "ztunnel", "ztunnel-1")
        assert names((await running.create(running.own_root, proxy, ImpersonatedIdentity=wanted))[0]) == [wanted]
        for headers, asked in (
            (proxy, "spiffe://cluster.local/ns/demo/sa/elsewhere"),
            (running.bearer("istio-system", "ztunnel"), wanted),
            (running.bearer("istio-system", "ztunnel", "ztunnel-2"), wanted),
            (running.bearer("demo", "app", "ztunnel-1"), wanted),
            (proxy | {"clusterid": "elsewhere"}, wanted),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await running.create(running.own_root, headers, ImpersonatedIdentity=asked)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
