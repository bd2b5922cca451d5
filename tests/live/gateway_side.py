"""One gateway and what is behind it: for what a gateway does, seen by clients outside of the mesh.

Comes in: a directory, the binary of an Envoy. Goes out: a running control plane, one gateway Envoy, servers for HTTP,
gRPC and TLS in our hands, an authority for certificates, and clients. Ports of the gateway's Service (80, 443 and so
on) are free ports behind it: Gateways of the Gateway API listen on all addresses.
"""

import asyncio
import base64
import contextlib
import socket
import ssl
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from ca.authn import local_issuer
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from pilot.view.proxy import ProxyKind
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live.client_side import Answer, Server
from tests.live.mesh import PATIENCE, Mesh, serving
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.small_ca import DAY, SmallCa, key_pem, pem

GATE, GATE_NUMBER = "gate", 2
NUMBERS = {"web-1": 21, "web-2": 22, "web-3": 23}
"""Plain HTTP, each behind a Service of its own; `web` is all of them."""
CALLS_NUMBER, SECURE_NUMBER = 31, 41
"""A gRPC server (Service `calls`, port 9090); an HTTPS server (Services `secure`, and in the mesh `meshed`)."""
SECURE_PORT = 9443
PORTS = (80, 443, 8443, 9000, 9001)
PORT = 9080
LIVE_WITHIN = 8.0
"""Seconds until an edit is live; a fraction of one, but the machine may be busy."""


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, in PEM."""

    chain: str
    key: str
    serial: int


class Authority:
    """Signs for servers and clients. Files go to `directory`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.ca = SmallCa()
        self._directory = directory
        self._roots = directory / "roots.pem"
        self._roots.write_text(self.ca.pem)

    @property
    def roots(self) -> str:
        """In PEM."""
        return self.ca.pem

    def pair(self, *hosts: str, lifetime: timedelta = DAY, now: datetime | None = None) -> Pair:
        """For these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.ca.sign(key.public_key(), hosts=hosts, lifetime=lifetime, now=now)
        return Pair(pem(made), key_pem(key).decode(), made.serial_number)

    def revocations(self, *pairs: Pair) -> str:
        """A list of revoked certificates, in PEM."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(self.ca.certificate.subject, now - DAY, now + DAY)
        for each in pairs:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(each.serial, now - timedelta(hours=1)).build()
            )
        return builder.sign(self.ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def staple(self, pair: Pair) -> bytes:
        """An answer to who asks whether a certificate is revoked: it is not."""
        now = datetime.now(UTC)
        leaf = x509.load_pem_x509_certificate(pair.chain.encode())
        builder = ocsp.OCSPResponseBuilder().add_response(
            *(leaf, self.ca.certificate, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD),
            this_update=now - timedelta(hours=1),
            next_update=now + DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        signed = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.ca.certificate)
        return signed.sign(self.ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def client(self, pair: Pair | None = None, protocols: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
        """A client that trusts us, with a certificate or without."""
        context = ssl.create_default_context(cafile=str(self._roots))
        context.set_alpn_protocols(list(protocols))
        if pair is not None:
            chain, key = self._directory / f"{pair.serial}.pem", self._directory / f"{pair.serial}-key.pem"
            chain.write_text(pair.chain)
            key.write_text(pair.key)
            context.load_cert_chain(chain, key)
        return context

    def server(self, *hosts: str) -> ssl.SSLContext:
        """TLS of a server with these names."""
        pair = self.pair(*hosts)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain, key = self._directory / f"{pair.serial}.pem", self._directory / f"{pair.serial}-key.pem"
        chain.write_text(pair.chain)
        key.write_text(pair.key)
        made.load_cert_chain(chain, key)
        return made


def secret(name: str, values: Mapping[str, str], binary: Mapping[str, bytes] | None = None) -> str:
    """A Secret of the gateway's namespace, as text."""
    text = _holder("Secret", "stringData", name, values, "gws")
    shown = ", ".join(f"{key}: {base64.b64encode(value).decode()}" for key, value in (binary or {}).items())
    return f"{text}data: {{{shown}}}\n"


def config_map(name: str, values: Mapping[str, str], namespace: str = "gws") -> str:
    """A ConfigMap, as text."""
    return _holder("ConfigMap", "data", name, values, namespace)


def _holder(kind: str, data: str, name: str, values: Mapping[str, str], namespace: str) -> str:
    shown = "".join(f"  {key}: |\n{textwrap.indent(value, '    ')}\n" for key, value in values.items())
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n{data}:\n{shown}"


def tls_secret(name: str, pair: Pair, roots: str = "", namespace: str = "gws") -> str:
    """A Secret as `kubectl create secret tls` makes it."""
    values = {"tls.crt": pair.chain, "tls.key": pair.key} | ({"ca.crt": roots} if roots else {})
    return _holder("Secret", "stringData", name, values, namespace)


@dataclass(frozen=True)
class Handshake:
    """What a TLS client saw."""

    status: int
    """Of the request; 0: the connection was refused."""
    serial: int = 0
    """Of the server's certificate."""
    protocol: str = ""
    server: str = ""
    alternative: str = ""
    """Where else the server says that it is."""
    words: str = field(default="", compare=False)


class Gate:
    """The outside's view of a gateway."""

    def __init__(
        self, mesh: Mesh, servers: Mapping[str, Server], ports: Mapping[int, int], authority: Authority
    ) -> None:
        self.mesh, self.servers, self.ports, self.authority = mesh, servers, ports, authority

    @property
    def address(self) -> str:
        """Of the gateway."""
        return self.mesh.network.address(GATE_NUMBER)

    async def get(self, host: str, path: str = "/", *, port: int = 80, method: str = "GET", **headers: str) -> Answer:
        """One plain request on a connection of its own; status 0: refused."""
        given = {name.replace("_", "-"): value for name, value in headers.items()} | {"host": host}
        url = f"http://{self.address}:{self.ports[port]}{path}"
        try:
            async with (
                aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.request(method, url, headers=given, allow_redirects=False) as response,
            ):
                await response.read()
                shown = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, shown.get("x-server", ""), shown)
        except aiohttp.ClientError:
            return Answer(0, "", {})

    async def handshake(self, sni: str, context: ssl.SSLContext, *, port: int = 443, path: str = "/") -> Handshake:
        """One request over TLS on a connection of its own."""
        try:
            async with asyncio.timeout(10):
                opened = asyncio.open_connection(self.address, self.ports[port], ssl=context, server_hostname=sni)
                reader, writer = await opened
                try:
                    writer.write(f"GET {path} HTTP/1.1\r\nhost: {sni}\r\nconnection: close\r\n\r\n".encode())
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    return _seen(head, writer.get_extra_info("ssl_object"))
                finally:
                    writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            return Handshake(0, words=repr(error))

    async def is_served(self, sni: str, context: ssl.SSLContext, *, port: int = 443) -> bool:
        """Whether a handshake leads to a server (for `eventually`)."""
        return (await self.handshake(sni, context, port=port)).status == 200

    async def gets(self, wanted: Callable[[Answer], bool], host: str, path: str = "/", **more: Any) -> bool:
        """Whether a plain request gets such an answer (for `eventually`)."""
        return wanted(await self.get(host, path, **more))

    async def call(self, target: str, host: str, path: str, context: grpc.ChannelCredentials | None = None) -> str:
        """One gRPC call; the name of its status, or what came back."""
        options = (("grpc.default_authority", host), ("grpc.ssl_target_name_override", host))
        opened = (
            grpc.aio.secure_channel(target, context, options)
            if context is not None
            else grpc.aio.insecure_channel(target, options[:1])
        )
        async with opened as channel:
            try:
                answer: bytes = await channel.unary_unary(path, None, None)(b"hello", timeout=5)
            except grpc.aio.AioRpcError as error:
                return error.code().name
        return answer.decode()

    async def refused(self) -> int:
        """How much configuration the Envoy has refused."""
        return sum((await self.mesh.rejected()).values())

    async def figure(self, pattern: str) -> int:
        """The sum of some statistics of the gateway's Envoy."""
        return sum((await self.mesh.admin(GATE).stats(pattern)).values())


def _seen(head: str, connection: ssl.SSLObject) -> Handshake:
    lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    shown = connection.getpeercert()
    return Handshake(
        status=int(lines[0].split()[1]),
        serial=int(str(shown["serialNumber"]), 16) if shown else 0,
        protocol=connection.selected_alpn_protocol() or "",
        server=headers.get("x-server", ""),
        alternative=headers.get("alt-svc", ""),
    )


@contextlib.asynccontextmanager
async def playing(
    directory: Path, envoy: Path, environment: Mapping[str, str] | None = None, mesh_config: str = ""
) -> AsyncIterator[Gate]:
    """A mesh whose gateway is up; it serves nothing yet."""
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        given = {"PILOT_ENABLE_ALPHA_GATEWAY_API": "true", **(environment or {})}
        settings = directory / "mesh.yaml"
        settings.write_text(mesh_config)
        arguments = ("--meshConfig", str(settings))
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory, arguments, given)
        mesh = Mesh(directory, addresses, plane)
        mesh.write("mesh.yaml", manifests(addresses, ports))
        await undo.enter_async_context(control_plane.running(plane))
        authority = Authority(directory / "authority")
        servers = {name: Server(name) for name in (*NUMBERS, "secure")}
        for name, number in NUMBERS.items():
            await undo.enter_async_context(servers[name].listening(addresses.address(number), PORT))
        tls = authority.server("secure.example.com")
        for number in (SECURE_NUMBER, SECURE_NUMBER + 1):
            listening = servers["secure"].listening(addresses.address(number), SECURE_PORT, tls)
            await undo.enter_async_context(listening)
        await undo.enter_async_context(_calls(f"{addresses.address(CALLS_NUMBER)}:9090"))
        mesh.agents[GATE] = Agent(_options(directory, envoy, plane, addresses))
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        await eventually(mesh.are_connected, within=PATIENCE)
        yield Gate(mesh, servers, ports, authority)


def _free_ports(number: int) -> list[int]:
    """Ports that nobody has at any address, now."""
    with contextlib.ExitStack() as undo:
        taken = [undo.enter_context(socket.socket()) for _ in range(number)]
        for each in taken:
            each.bind(("0.0.0.0", 0))
        return [each.getsockname()[1] for each in taken]


class _Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Every method says its name."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method

        async def answer(request: bytes, context: Any) -> bytes:
            return str(name).encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@contextlib.asynccontextmanager
async def _calls(target: str) -> AsyncIterator[None]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Echo(),))
    server.add_insecure_port(target)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def _options(directory: Path, envoy: Path, plane: ControlPlane, addresses: Network) -> AgentOptions:
    address = addresses.address(GATE_NUMBER)
    return AgentOptions(
        pod=GATE,
        namespace="gws",
        service_account=GATE,
        labels={"app": GATE, "istio": GATE},
        kind=ProxyKind.ROUTER,
        ip=address,
        admin=Address(address, 0),
        root=plane.root,
        run_dir=directory / GATE,
        envoy=envoy,
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), "gws", GATE),
        concurrency=1,
        drain=timedelta(0),
        statistics=Statistics.ALL,
    )


def manifests(addresses: Network, ports: Mapping[int, int]) -> str:
    """The mesh before anything is given: the gateway, Services and pods."""
    pods = [_pod(name, "app", "web", addresses.address(number)) for name, number in NUMBERS.items()]
    pods += [
        _pod(GATE, "gws", GATE, addresses.address(GATE_NUMBER), f"istio: {GATE}"),
        _pod("calls", "app", "calls", addresses.address(CALLS_NUMBER)),
        _pod("secure", "app", "secure", addresses.address(SECURE_NUMBER)),
        _pod("meshed", "app", "meshed", addresses.address(SECURE_NUMBER + 1), "security.istio.io/tlsMode: istio"),
    ]
    services = [
        _service(GATE, "gws", f"app: {GATE}", [(f"p{port}", port, ports[port]) for port in PORTS], 443),
        _service("web", "app", "app: web", [("http", PORT, PORT)]),
        _service("calls", "app", "app: calls", [("grpc", 9090, 9090)]),
        *(_service(name, "app", f"app: {name}", [("tls", SECURE_PORT, SECURE_PORT)]) for name in ("secure", "meshed")),
        *(_service(name, "app", f"name: {name}", [("http", PORT, PORT)]) for name in NUMBERS),
    ]
    return "---\n".join([*pods, *services])


def _service(
    name: str, namespace: str, selector: str, ports: Sequence[tuple[str, int, int]], datagrams: int = 0
) -> str:
    """`datagrams`: a port that is for UDP too."""
    listed = [f"{{name: {name}, port: {port}, targetPort: {target}}}" for name, port, target in ports]
    listed += [
        f"{{name: udp, port: {port}, targetPort: {target}, protocol: UDP}}"
        for _, port, target in ports
        if port == datagrams
    ]
    shown = ", ".join(listed)
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  clusterIP: 10.96.2.{sum(name.encode()) % 250 + 1}
  selector: {{{selector}}}
  ports: [{shown}]
"""


def _pod(name: str, namespace: str, app: str, address: str, label: str = "") -> str:
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}, name: {name}{label and f", {label}"}}}}}
spec: {{serviceAccountName: {app}, containers: [{{name: app}}]}}
status:
  phase: Running
  podIP: {address}
  conditions: [{{type: Ready, status: "True"}}]
"""


def routed(hosts: str, server: str = "web-1", *, gateway: str = "main", port: int = PORT) -> str:
    """A VirtualService for a Gateway of Istio."""
    return f"""\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {gateway}-{server}, namespace: gws}}
spec:
  hosts: {hosts}
  gateways: [{gateway}]
  http:
  - route: [{{destination: {{host: {server}.app.svc.cluster.local, port: {{number: {port}}}}}}}]
"""


def gateway(servers: str, name: str = "main") -> str:
    """A Gateway of Istio; `servers` is a YAML list."""
    return f"""\
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: gws}}
spec: {{selector: {{app: {GATE}}}, servers: {servers}}}
"""


def kubernetes_gateway(listeners: str, spec: str = "") -> str:
    """A Gateway `main` of the Gateway API; `listeners` is a YAML list."""
    address = f"addresses: [{{type: Hostname, value: {GATE}.gws.svc.cluster.local}}]"
    return f"""\
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: main, namespace: gws}}
spec: {{gatewayClassName: istio, {address}, {spec + ", " if spec else ""}listeners: {listeners}}}
"""


def route(kind: str, name: str, spec: str, section: str = "") -> str:
    """A route of namespace app to the Gateway `main`, or one listener of it."""
    version = "v1" if kind in ("HTTPRoute", "GRPCRoute") else "v1alpha2"
    parent = f"{{name: main, namespace: gws{section and f', sectionName: {section}'}}}"
    return f"""\
---
apiVersion: gateway.networking.k8s.io/{version}
kind: {kind}
metadata: {{name: {name}, namespace: app}}
spec: {{parentRefs: [{parent}], {spec}}}
"""
