"""TLS at a real gateway: each mode with good and bad clients, names, rotation under load, Secrets that are no good."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.live.gateway_side import (
    LIVE_WITHIN,
    Authority,
    Gate,
    Handshake,
    config_map,
    gateway,
    kubernetes_gateway,
    playing,
    route,
    routed,
    secret,
    tls_secret,
)
from tests.live.test_authentication import certificate_of
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

HOST = "shop.example.com"


def server(mode: str, more: str = "", hosts: str = f"[{HOST}]", name: str = "https", port: int = 443) -> str:
    """A server of Istio's Gateway that terminates TLS around HTTP."""
    tls = f"tls: {{mode: {mode}{more and f', {more}'}}}"
    return f"{{port: {{number: {port}, name: {name}, protocol: HTTPS}}, hosts: {hosts}, {tls}}}"


def statuses(*found: Handshake) -> list[int]:
    """Of handshakes."""
    return [each.status for each in found]


async def test_certificates_of_clients_by_mode(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours, theirs = gate.authority, Authority(tmp_path / "theirs")
        plain, good = ours.client(), ours.client(ours.pair("client.example.com"))
        bad = ours.client(theirs.pair("client.example.com"))
        late = ours.pair(
            "client.example.com", lifetime=timedelta(minutes=1), now=datetime.now(UTC) - timedelta(hours=1)
        )
        cases = {"SIMPLE": [200, 200, 200, 200], "MUTUAL": [0, 200, 0, 0], "OPTIONAL_MUTUAL": [200, 200, 0, 0]}
        ports = dict(zip(cases, (443, 8443, 9000), strict=True))
        servers = [
            server(mode, "credentialName: cert", name=f"https-{port}", port=port) for mode, port in ports.items()
        ]
        text = gateway(f"[{', '.join(servers)}]") + routed(f"[{HOST}]")
        gate.mesh.write("given.yaml", f"{text}---\n{tls_secret('cert', ours.pair(HOST), ours.roots)}")
        await eventually(partial(gate.is_served, HOST, good, port=9000), within=LIVE_WITHIN)
        for mode, port in ports.items():
            clients = (plain, good, bad, ours.client(late))
            found = [await gate.handshake(HOST, each, port=port) for each in clients]
            assert statuses(*found) == cases[mode], (mode, found)
        assert (await gate.get(HOST, port=443)).status == 0, "plain HTTP at a port with TLS"
        assert not await gate.refused()


async def test_listeners_of_the_gateway_api_ask_for_certificates_by_option_and_by_validation(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours, theirs = gate.authority, Authority(tmp_path / "theirs")
        plain, good = ours.client(), ours.client(ours.pair("client.example.com"))
        bad = ours.client(theirs.pair("client.example.com"))

        def listener(name: str, port: int, options: str = "") -> str:
            tls = f"tls: {{certificateRefs: [{{name: cert}}]{options}}}"
            free = "allowedRoutes: {namespaces: {from: All}}"
            return f"{{name: {name}, port: {port}, protocol: HTTPS, hostname: {HOST}, {free}, {tls}}}"

        optional = ", options: {gateway.istio.io/tls-terminate-mode: OPTIONAL_MUTUAL}"
        frontend = "{perPort: [{port: 8443, tls: {validation: {caCertificateRefs: [{kind: ConfigMap, name: roots}]}}}],"
        frontend += " default: {}}"
        listeners = f"[{listener('a', 443)}, {listener('b', 8443)}, {listener('c', 9000, optional)}]"
        backend = "rules: [{backendRefs: [{name: web-1, port: 9080}]}]"
        parts = [
            kubernetes_gateway(listeners, f"tls: {{frontend: {frontend}}}") + route("HTTPRoute", "web", backend),
            tls_secret("cert", ours.pair(HOST), ours.roots),
            config_map("roots", {"ca.crt": ours.roots}),
        ]
        gate.mesh.write("given.yaml", "\n---\n".join(parts))
        for port, wanted in {443: [200, 200, 200], 8443: [0, 200, 0], 9000: [200, 200, 0]}.items():
            await eventually(partial(gate.is_served, HOST, good, port=port), within=LIVE_WITHIN)
            found = [await gate.handshake(HOST, each, port=port) for each in (plain, good, bad)]
            assert statuses(*found) == wanted, (port, found)
        assert not await gate.refused()


async def test_istio_mutual_takes_the_mesh_and_nobody_else(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        text = gateway(f"[{server('ISTIO_MUTUAL')}]") + routed(f"[{HOST}]")
        gate.mesh.write("given.yaml", text)
        mesh = certificate_of(gate.mesh, tmp_path / "ours", "spiffe://cluster.local/ns/shop/sa/somebody")
        mesh.set_alpn_protocols(["http/1.1"])
        await eventually(partial(gate.is_served, HOST, mesh), within=LIVE_WITHIN)
        stranger = gate.authority.client(gate.authority.pair("client.example.com"))
        nobody = gate.authority.client()
        for each in (stranger, nobody):
            each.load_verify_locations(gate.mesh.control_plane.state / "root-cert.pem")
            each.check_hostname = False
        assert statuses(*[await gate.handshake(HOST, each) for each in (stranger, nobody)]) == [0, 0]


async def test_revoked_clients_are_refused(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        pair, revoked = ours.pair("client.example.com"), ours.pair("former.example.com")
        values = {"cacert": ours.roots, "crl": ours.revocations(revoked)}
        given = ours.pair(HOST)
        parts = [
            gateway(f"[{server('MUTUAL', 'credentialName: cert')}]") + routed(f"[{HOST}]"),
            secret("cert", {"cert": given.chain, "key": given.key}),
            secret("cert-cacert", values),
        ]
        gate.mesh.write("given.yaml", "\n---\n".join(parts))
        await eventually(partial(gate.is_served, HOST, ours.client(pair)), within=LIVE_WITHIN)
        assert (await gate.handshake(HOST, ours.client(revoked))).status == 0
        assert not await gate.refused()


async def test_a_client_may_ask_whether_a_certificate_is_revoked(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        pair = ours.pair(HOST)
        values = {"tls.crt": pair.chain, "tls.key": pair.key}
        parts = [
            gateway(f"[{server('SIMPLE', 'credentialName: cert')}]") + routed(f"[{HOST}]"),
            secret("cert", values, {"tls.ocsp-staple": ours.staple(pair)}),
        ]
        gate.mesh.write("given.yaml", "\n---\n".join(parts))
        await eventually(partial(gate.is_served, HOST, ours.client()), within=LIVE_WITHIN)
        assert "OCSP Response Status: successful" in await openssl_status(gate)

        values["ca.crt"] = ours.roots
        other = secret("cert", values, {"tls.ocsp-staple": ours.staple(ours.pair("other.example.com"))})
        gate.mesh.write("given.yaml", "\n---\n".join((parts[0], other)))
        said = partial(gate.mesh.control_plane.lines, "gws/cert", "OCSP")
        await eventually(said, within=LIVE_WITHIN)
        assert not await gate.refused()


async def openssl_status(gate: Gate) -> str:
    """What a client is told that asks with its handshake."""
    command = ("openssl", "s_client", "-status", "-connect", f"{gate.address}:{gate.ports[443]}", "-servername", HOST)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace")


async def test_each_of_three_names_has_its_certificate_and_routes(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        names = {"a.example.com": "web-1", "b.example.com": "web-2", "deep.c.example.com": "web-3"}
        pairs = {host: ours.pair(host) for host in names}
        shown = ["['*.c.example.com']" if host.startswith("deep") else f"[{host}]" for host in names]
        servers = [
            server("SIMPLE", f"credentialName: cert-{index}", hosts, f"https-{index}")
            for index, hosts in enumerate(shown)
        ]
        parts = [gateway(f"[{', '.join(servers)}]")]
        parts += [routed(f"[{host}]", name) for host, name in names.items()]
        parts += ["---\n" + tls_secret(f"cert-{index}", pair) for index, pair in enumerate(pairs.values())]
        gate.mesh.write("given.yaml", "\n".join(parts))
        for host, name in names.items():
            await eventually(partial(gate.is_served, host, ours.client()), within=LIVE_WITHIN)
            found = await gate.handshake(host, ours.client())
            assert (found.serial, found.server, found.protocol) == (pairs[host].serial, name, "http/1.1")
        assert (await gate.handshake("other.example.com", ours.client())).status == 0
        assert not await gate.refused()


async def test_tls_is_passed_on_by_name_as_it_is(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        tls = (
            "{port: {number: 443, name: tls, protocol: TLS}, hosts: [secure.example.com], tls: {mode: PASSTHROUGH}}, "
            "{port: {number: 8443, name: auto, protocol: TLS}, hosts: ['*.app.svc.cluster.local'], "
            "tls: {mode: AUTO_PASSTHROUGH}}"
        )
        passed = """\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: passed, namespace: gws}
spec:
  hosts: [secure.example.com]
  gateways: [main]
  tls:
  - match: [{sniHosts: [secure.example.com]}]
    route: [{destination: {host: secure.app.svc.cluster.local, port: {number: 9443}}}]
"""
        gate.mesh.write("given.yaml", gateway(f"[{tls}]") + passed)
        await eventually(partial(gate.is_served, "secure.example.com", ours.client()), within=LIVE_WITHIN)
        assert (await gate.handshake("secure.example.com", ours.client())).server == "secure"
        assert (await gate.handshake("other.example.com", ours.client())).status == 0

        mesh = ours.client(protocols=["istio"])
        mesh.check_hostname = False
        sni = "outbound_.9443_._.meshed.app.svc.cluster.local"
        found = await eventually(partial(gate.handshake, sni, mesh, port=8443), within=LIVE_WITHIN)
        assert (found.status, found.server) == (200, "secure"), found
        other = "outbound_.9080_._.web.app.svc.cluster.local"
        assert (await gate.handshake(other, mesh, port=8443)).status == 0, "an endpoint without mutual TLS"


async def test_tls_routes_pass_on_and_tcp_routes_get_what_is_inside(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        free = "allowedRoutes: {namespaces: {from: All}}"
        listeners = f"""[
          {{name: passed, port: 443, protocol: TLS, hostname: '*.example.com', {free}, tls: {{mode: Passthrough}}}},
          {{name: inside, port: 8443, protocol: TLS, hostname: {HOST}, {free},
            tls: {{mode: Terminate, certificateRefs: [{{name: cert}}]}}}},
          {{name: plain, port: 9000, protocol: TCP, {free}}}]"""
        tcp = "rules: [{backendRefs: [{name: web-2, port: 9080}]}]"
        by_name = "hostnames: [secure.example.com], rules: [{backendRefs: [{name: secure, port: 9443}]}]"
        parts = [
            kubernetes_gateway(listeners),
            route("TLSRoute", "passed", by_name),
            route("TCPRoute", "inside", tcp, "inside"),
            route("TCPRoute", "plain", tcp, "plain"),
            "---\n" + tls_secret("cert", ours.pair(HOST)),
        ]
        gate.mesh.write("given.yaml", "\n".join(parts))
        await eventually(partial(gate.is_served, "secure.example.com", ours.client()), within=LIVE_WITHIN)
        assert (await gate.handshake("secure.example.com", ours.client())).server == "secure"
        await eventually(partial(gate.is_served, HOST, ours.client(), port=8443), within=LIVE_WITHIN)
        assert (await gate.handshake(HOST, ours.client(), port=8443)).server == "web-2"
        assert (await gate.get("anything", port=9000)).server == "web-2"
        assert not await gate.refused()


async def test_a_secret_of_another_namespace_needs_a_grant(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        tls = "tls: {certificateRefs: [{name: cert, namespace: app}]}"
        listener = f"{{name: a, port: 443, protocol: HTTPS, allowedRoutes: {{namespaces: {{from: All}}}}, {tls}}}"
        backend = "rules: [{backendRefs: [{name: web-1, port: 9080}]}]"
        parts = [kubernetes_gateway(f"[{listener}]"), route("HTTPRoute", "web", backend), "---\n"]
        gate.mesh.write("given.yaml", "".join((*parts, tls_secret("cert", gate.authority.pair(HOST), namespace="app"))))
        await eventually(partial(gate.mesh.control_plane.lines, "ReferenceGrant", "app/cert"), within=LIVE_WITHIN)
        assert (await gate.handshake(HOST, gate.authority.client())).status == 0
        for _ in range(2):
            gate.mesh.write("grant.yaml", GRANT)
            await eventually(partial(gate.is_served, HOST, gate.authority.client()), within=LIVE_WITHIN)
            gate.mesh.remove("grant.yaml")

            async def is_closed() -> bool:
                return (await gate.handshake(HOST, gate.authority.client())).status == 0

            await eventually(is_closed, within=LIVE_WITHIN)


GRANT = """\
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: certificates, namespace: app}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: gws}]
  to: [{group: "", kind: Secret}]
"""


async def test_an_ingress_is_served_with_its_certificate(tmp_path: Path, any_envoy: Path) -> None:
    mesh = "ingressSelector: gate\ningressControllerMode: STRICT\n"
    async with playing(tmp_path, any_envoy, {"K8S_INGRESS_NS": "gws"}, mesh) as gate:
        pair = gate.authority.pair(HOST)
        gate.mesh.write("given.yaml", f"{INGRESS}---\n{tls_secret('cert', pair)}")
        await eventually(partial(gate.is_served, HOST, gate.authority.client()), within=LIVE_WITHIN)
        found = await gate.handshake(HOST, gate.authority.client(), path="/two/x")
        assert (found.serial, found.server) == (pair.serial, "web-2")
        assert (await gate.handshake(HOST, gate.authority.client(), path="/twofold")).server == "web-1"
        assert (await gate.get(HOST, "/two")).server == "web-2"
        assert (await gate.get("other.example.com", "/two")).status == 404
        assert not await gate.refused()


INGRESS = f"""\
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{name: ours}}
spec: {{controller: istio.io/ingress-controller}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web, namespace: app}}
spec:
  ingressClassName: ours
  tls: [{{hosts: [{HOST}], secretName: cert}}]
  rules:
  - host: {HOST}
    http:
      paths:
      - {{path: /, pathType: Prefix, backend: {{service: {{name: web-1, port: {{name: http}}}}}}}}
      - {{path: /two, pathType: Prefix, backend: {{service: {{name: web-2, port: {{number: 9080}}}}}}}}
"""


# --- Secrets that change, or are no good ----------------------------------------------------------------------------


@dataclass
class Handshakes:
    """What clients saw that kept dialling."""

    seen: list[Handshake] = field(default_factory=list)

    async def more(self, number: int) -> None:
        """Waits until there are so many more."""
        wanted = len(self.seen) + number
        await eventually(lambda: len(self.seen) >= wanted, within=30)


@contextlib.asynccontextmanager
async def dialling(gate: Gate, host: str, clients: int = 3) -> AsyncIterator[Handshakes]:
    """Clients that dial again and again, each time with a full handshake."""
    found = Handshakes()
    context = gate.authority.client()

    async def keep_dialling() -> None:
        while True:
            found.seen.append(await gate.handshake(host, context))
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(keep_dialling()) for _ in range(clients)]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_certificate_is_replaced_under_load_without_a_failed_handshake(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours = gate.authority
        servers = [
            server("SIMPLE", f"credentialName: cert-{host[0]}", f"[{host}]", f"https-{host[0]}")
            for host in ("a.example.com", "b.example.com")
        ]
        text = gateway(f"[{', '.join(servers)}]") + routed('["*.example.com"]')
        other = ours.pair("b.example.com")
        gate.mesh.write("given.yaml", text)
        gate.mesh.write("b.yaml", tls_secret("cert-b", other))
        pair = ours.pair("a.example.com")
        gate.mesh.write("a.yaml", tls_secret("cert-a", pair))
        for host in ("a.example.com", "b.example.com"):
            await eventually(partial(gate.is_served, host, ours.client()), within=LIVE_WITHIN)
        untouched = await gate.figure(r"^sds\..*cert-b\.update_success$")
        async with dialling(gate, "a.example.com") as load:
            for _ in range(4):
                await load.more(20)
                pair = ours.pair("a.example.com")
                gate.mesh.write("a.yaml", tls_secret("cert-a", pair))

                async def is_new(serial: int = pair.serial) -> bool:
                    return (await gate.handshake("a.example.com", ours.client())).serial == serial

                await eventually(is_new, within=LIVE_WITHIN)
        assert [each for each in load.seen if each.status != 200] == []
        assert (await gate.handshake("b.example.com", ours.client())).serial == other.serial
        assert await gate.figure(r"^sds\..*cert-b\.update_success$") == untouched == 1
        assert not await gate.refused()


async def test_bad_secrets_cost_their_own_servers_alone(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours, past = gate.authority, datetime.now(UTC) - timedelta(days=2)
        hosts = {name: f"{name}.example.com" for name in ("good", "missing", "malformed", "other-key", "expired")}
        pairs = {name: ours.pair(host) for name, host in hosts.items()}
        old = ours.pair(hosts["expired"], lifetime=timedelta(days=1), now=past)
        servers = [
            server("SIMPLE", f"credentialName: {name}", f"[{host}]", f"https-{name}") for name, host in hosts.items()
        ]
        bad = {
            "malformed": secret("malformed", {"tls.crt": "nonsense", "tls.key": pairs["malformed"].key}),
            "other-key": secret("other-key", {"tls.crt": pairs["other-key"].chain, "tls.key": pairs["good"].key}),
            "expired": tls_secret("expired", old),
        }
        for name, text in bad.items():
            gate.mesh.write(f"{name}.yaml", text)
        gate.mesh.write("given.yaml", gateway(f"[{', '.join(servers)}]") + routed('["*.example.com"]'))
        gate.mesh.write("good.yaml", tls_secret("good", pairs["good"]))
        await eventually(partial(gate.is_served, hosts["good"], ours.client()), within=LIVE_WITHIN)
        words = {"missing": "not there", "malformed": "in PEM", "other-key": "another one", "expired": "expired at"}
        for name, said in words.items():
            await eventually(partial(gate.mesh.control_plane.lines, f"gws/{name}", said), within=LIVE_WITHIN)
            assert (await gate.handshake(hosts[name], ours.client())).status == 0, name

        gate.mesh.write("good.yaml", secret("good", {"tls.crt": "nonsense", "tls.key": pairs["good"].key}))
        await eventually(partial(gate.mesh.control_plane.lines, "gws/good", "in PEM"), within=LIVE_WITHIN)
        assert (await gate.handshake(hosts["good"], ours.client())).serial == pairs["good"].serial, "the last good one"

        for name in words:
            gate.mesh.write(f"{name}.yaml", tls_secret(name, pairs[name]))
            await eventually(partial(gate.is_served, hosts[name], ours.client()), within=LIVE_WITHIN)
        assert not await gate.refused()
