"""A running control plane on a real API server: root in a Secret, tokens of pods, node proxies, Kubernetes signers."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from ca.authn.local_issuer import utc_now
from ca.bundle import Bundle, encode_certificate
from ca.csr import decode_csr
from ca.rollover.control import Wish, ask
from istio_api import ca_pb2
from tests.ca.makers import ec_key, make_csr, make_leaf, make_root, rsa_key
from tests.control_plane import SECURE, ControlPlane, running
from tests.kubernetes.api_server import ApiServer
from tests.loopback import network
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(150)]

PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
SIGNER = "signers.example.com/mesh"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
Headers = tuple[tuple[str, str], ...]


@contextlib.asynccontextmanager
async def control_plane(
    server: ApiServer, namespace: str, work: Path, *arguments: str, **environment: str
) -> AsyncIterator[ControlPlane]:
    flags = ("--kubeconfig", str(server.kubeconfig), "--namespace", namespace, "--clusterAliases", "east=Kubernetes")
    nowhere = ("--networksConfig", str(work / "none"))
    same = {"ROOT_CA_DIR": str(work / "cacerts"), "KUBERNETES_SERVICE_HOST": "", **environment}
    with network() as addresses:
        plane = ControlPlane(addresses.address(1), None, work, (*flags, *nowhere, *arguments), same)
        async with running(plane):
            yield plane


async def create(
    plane: ControlPlane, namespace: str, roots: str, headers: Headers, csr: str = "", **metadata: str
) -> list[str]:
    """The chain for a caller. Raises: AioRpcError."""
    message = ca_pb2.IstioCertificateRequest(csr=csr or make_csr(ec_key(3)))
    message.metadata.update(metadata)
    options = [("grpc.ssl_target_name_override", f"istiod.{namespace}.svc")]
    credentials = grpc.ssl_channel_credentials(roots.encode())
    async with grpc.aio.secure_channel(f"{plane.address}:{SECURE}", credentials, options) as channel:
        call = channel.unary_unary(PATH, request_serializer=bytes, response_deserializer=bytes)
        answer = await call(message.SerializeToString(), metadata=headers, timeout=20)
    return list(ca_pb2.IstioCertificateResponse.FromString(answer).cert_chain)


async def refusal(plane: ControlPlane, namespace: str, roots: str, headers: Headers, **metadata: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await create(plane, namespace, roots, headers, **metadata)
    return f"{caught.value.code().name}: {caught.value.details()}"


def bearer(token: str, cluster: str = "") -> Headers:
    own = (("authorization", f"Bearer {token}"),)
    return (*own, ("clusterid", cluster)) if cluster else own


def names(pem: str) -> list[str]:
    found = x509.load_pem_x509_certificate(pem.encode()).extensions
    return found.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier
    )


async def secret(server: ApiServer, namespace: str, name: str) -> Mapping[str, str]:
    found = await server.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    assert found["type"] == "istio.io/ca-root"
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


async def pod_token(server: ApiServer, namespace: str, pod: str, account: str, node: str = "") -> str:
    """Of a new pod of a new account."""
    await server.service_account(namespace, account)
    uid = await server.pod(namespace, pod, account, node)
    return await server.token(namespace, account, pod=(pod, uid))


async def test_root_is_in_a_secret_and_pods_get_certificates_by_their_tokens(
    api_server: ApiServer, tmp_path: Path
) -> None:
    namespace = await api_server.namespace()
    token = await pod_token(api_server, namespace, "web-1", "web")
    wanted = [f"spiffe://cluster.local/ns/{namespace}/sa/web"]
    async with control_plane(api_server, namespace, tmp_path) as plane:
        stored = await secret(api_server, namespace, "istio-ca-secret")
        assert set(stored) == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem", "key.pem"}
        root = stored["root-cert.pem"]
        for cluster in ("", "Kubernetes", "east"):
            chain = await create(plane, namespace, root, bearer(token, cluster))
            assert names(chain[0]) == wanted
            assert chain[1:] == [root]
        opaque = "UNAUTHENTICATED: request authenticate failure"
        assert await refusal(plane, namespace, root, bearer(token, "elsewhere")) == opaque
        other = await api_server.token(namespace, "web", audience="another")
        assert await refusal(plane, namespace, root, bearer(other)) == opaque
        assert await refusal(plane, namespace, root, bearer(token[:-3] + "abc")) == opaque
        assert await refusal(plane, namespace, root, ()) == opaque
        await plane.kill()
        await plane.start()
        assert (await create(plane, namespace, root, bearer(token)))[1:] == [root]  # the same root in the next life
        assert not (plane.state / "ca-key.pem").exists()


async def test_self_signed_root_goes_into_cacerts_where_that_is_wanted(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = await api_server.namespace()
    async with control_plane(api_server, namespace, tmp_path, USE_CACERTS_FOR_SELF_SIGNED_CA="true"):
        stored = await secret(api_server, namespace, "cacerts")
        assert stored["istio-generated"] == ""
        assert stored["ca-cert.pem"] == stored["root-cert.pem"]


async def test_node_proxy_gets_certificates_of_pods_on_its_node_only(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = await api_server.namespace()
    token = await pod_token(api_server, namespace, "ztunnel-1", "ztunnel", "n1")
    await pod_token(api_server, namespace, "near-1", "near", "n1")
    await pod_token(api_server, namespace, "far-1", "far", "n2")
    async with control_plane(api_server, namespace, tmp_path, CA_TRUSTED_NODE_ACCOUNTS=f"{namespace}/ztunnel") as plane:
        root = (await secret(api_server, namespace, "istio-ca-secret"))["root-cert.pem"]
        near, far = (f"spiffe://cluster.local/ns/{namespace}/sa/{name}" for name in ("near", "far"))

        async def is_issued() -> bool:
            chain = await create(plane, namespace, root, bearer(token), ImpersonatedIdentity=near)
            return names(chain[0]) == [near]

        await eventually(is_issued)
        refused = await refusal(plane, namespace, root, bearer(token), ImpersonatedIdentity=far)
        assert refused == "UNAUTHENTICATED: request impersonation authentication failure"


class KubernetesSigner:
    """Signs what is approved for `SIGNER`, as a controller would; the root is its own."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.root: Bundle = make_root(rsa_key(4), utc_now() - timedelta(hours=1), name="signer")
        self.seen: list[Any] = []

    async def serve(self) -> None:
        """Looks until it is cancelled."""
        while True:
            for each in (await self.server.call("GET", CSRS))["items"]:
                status = each.get("status") or {}
                approved = any(one["type"] == "Approved" for one in status.get("conditions") or ())
                if each["spec"]["signerName"] == SIGNER and approved and not status.get("certificate"):
                    await self.sign(each)
            await asyncio.sleep(0.05)

    async def sign(self, request: Any) -> None:
        pem = base64.b64decode(request["spec"]["request"]).decode()
        self.seen.append(request["spec"])
        found = x509.load_pem_x509_csr(pem.encode()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        leaf = make_leaf(
            self.root, decode_csr(pem).public_key, tuple(str(each.value) for each in found.value), utc_now()
        )
        content = encode_certificate(leaf) + self.root.roots
        request["status"]["certificate"] = base64.b64encode(content.encode()).decode()
        await self.server.call("PUT", f"{CSRS}/{request['metadata']['name']}/status", request)

    def mesh_config(self) -> str:
        indented = self.root.roots.strip().replace("\n", "\n    ")
        return f"caCertificates:\n- certSigners: [{SIGNER}]\n  pem: |\n    {indented}\n"


@contextlib.asynccontextmanager
async def signing(server: ApiServer) -> AsyncIterator[KubernetesSigner]:
    signer = KubernetesSigner(server)
    task = asyncio.create_task(signer.serve())
    try:
        yield signer
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_signer_of_kubernetes_signs_for_workloads_and_for_the_control_plane(
    api_server: ApiServer, tmp_path: Path
) -> None:
    namespace = await api_server.namespace()
    token = await pod_token(api_server, namespace, "web-1", "web")
    identity = f"spiffe://cluster.local/ns/{namespace}/sa/web"
    csr = make_csr(
        ec_key(3), extensions=[(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), True)]
    )
    foreign = make_csr(
        ec_key(3), extensions=[(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity + "x")]), True)]
    )
    async with signing(api_server) as signer:
        config = {"metadata": {"name": "istio"}, "data": {"mesh": signer.mesh_config()}}
        await api_server.call("POST", f"/api/v1/namespaces/{namespace}/configmaps", config)
        async with control_plane(
            api_server,
            namespace,
            tmp_path,
            PILOT_CERT_PROVIDER=f"k8s.io/{SIGNER}",
            EXTERNAL_CA="ISTIOD_RA_KUBERNETES_API",
            CERT_SIGNER_DOMAIN=SIGNER.partition("/")[0],
        ) as plane:
            root = signer.root.roots
            chain = await create(plane, namespace, root, bearer(token), csr, CertSigner=SIGNER.partition("/")[2])
            assert names(chain[0]) == [identity]
            assert chain[-1].strip() == root.strip()
            x509.load_pem_x509_certificate(chain[0].encode()).verify_directly_issued_by(signer.root.certificate)
            assert [each["usages"] for each in signer.seen] == [
                ["digital signature", "key encipherment", "server auth"],
                ["digital signature", "key encipherment", "server auth", "client auth"],
            ]
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await create(plane, namespace, root, bearer(token), foreign, CertSigner=SIGNER.partition("/")[2])
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            left = (await api_server.call("GET", CSRS))["items"]
            assert [each for each in left if each["spec"]["signerName"] == SIGNER] == []
        secrets = (await api_server.call("GET", f"/api/v1/namespaces/{namespace}/secrets"))["items"]
        assert secrets == []  # there is no CA of our own


async def test_remote_cacerts_are_copied_where_they_are_missing(api_server: ApiServer, tmp_path: Path) -> None:
    from tests.ca.makers import plug_in

    namespace = await api_server.namespace()
    (tmp_path / "made").mkdir()
    root = plug_in(
        tmp_path / "made", now=utc_now() - timedelta(hours=1), root=make_root(rsa_key(4), utc_now() - timedelta(days=1))
    )
    data = {path.name: base64.b64encode(path.read_bytes()).decode() for path in (tmp_path / "made").iterdir()}
    body = {"metadata": {"name": "cacerts"}, "data": data}
    await api_server.call("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
    token = await pod_token(api_server, namespace, "web-1", "web")
    async with control_plane(api_server, namespace, tmp_path, USE_REMOTE_CERTS="true") as plane:
        chain = await create(plane, namespace, root.roots, bearer(token))
        assert chain[-1] == root.roots
        assert (tmp_path / "cacerts" / "ca-key.pem").stat().st_mode & 0o777 == 0o600


async def test_root_in_a_secret_is_changed_under_two_replicas(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = await api_server.namespace()
    token = await pod_token(api_server, namespace, "web-1", "web")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with (
        control_plane(api_server, namespace, tmp_path / "a", POD_NAME="a") as one,
        control_plane(api_server, namespace, tmp_path / "b", POD_NAME="b") as other,
    ):
        old = (await secret(api_server, namespace, "istio-ca-secret"))["root-cert.pem"]

        async def renew(plane: ControlPlane, trusting: str) -> list[str]:
            return await create(plane, namespace, trusting, bearer(token))

        async def stands(plane: ControlPlane, stage: str) -> bool:
            return (await ask(plane.state, Wish(do="status"))).stage == stage

        assert await renew(other, old)
        await ask(one.state, Wish(do="begin", is_ec=True))
        both = (await secret(api_server, namespace, "istio-ca-secret"))["root-cert.pem"]
        assert both.startswith(old)
        assert both != old

        async def is_waited_for() -> bool:
            lagging = (await ask(one.state, Wish(do="status"))).laggards
            return ["web-1" in each.who for each in lagging] == [True]

        await eventually(is_waited_for)  # the other one has issued it, and it does not trust the new root yet
        await one.kill()
        await one.start()
        for stage in ("renewing", "dropping", "finished"):

            async def has_moved(stage: str = stage) -> bool:
                await renew(other, both)
                return await stands(other, stage) and await stands(one, stage)

            await eventually(has_moved, 40)
        stored = await secret(api_server, namespace, "istio-ca-secret")
        assert stored["root-cert.pem"] == stored["ca-cert.pem"]
        assert both == old + stored["root-cert.pem"]
        for plane in (one, other):
            assert (await renew(plane, stored["root-cert.pem"]))[1:] == [stored["root-cert.pem"]]
        await ask(other.state, Wish(do="forget"))
    kept = await secret(api_server, namespace, "istio-ca-secret")
    assert set(kept) == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem", "key.pem"}
