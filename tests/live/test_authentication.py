"""Who is who at real Envoys: mutual TLS in all its modes, and tokens of end users with keys that are fetched."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.live import shop
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.small_ca import SmallCa, key_pem, pem

pytestmark = pytest.mark.timeout(120)

LIVE_WITHIN = 5.0
"""Seconds until an edit is live; a fraction of one, but the machine may be busy."""

# --- mutual TLS -----------------------------------------------------------------------------------------------------

SECURITY = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: istio-system}}
spec: {{mtls: {{mode: {mode}}}}}
"""


async def call(mesh: Mesh, certificate: ssl.SSLContext | None) -> int:
    """Status of a call past the gateway, at the sidecar of `front`; 0 where the connection is refused."""
    scheme = "http" if certificate is None else "https"
    url = f"{scheme}://{mesh.network.address(shop.NUMBERS['front-v1'])}:{shop.PORT}/"
    try:
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(url, ssl=certificate if certificate is not None else True) as answer,
        ):
            await answer.read()
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


def certificate_of(mesh: Mesh, directory: Path, identity: str) -> ssl.SSLContext:
    """A client with a certificate that the mesh's own root has signed."""
    state = mesh.control_plane.state
    signer = SmallCa.of((state / "ca-cert.pem").read_bytes(), (state / "ca-key.pem").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    directory.mkdir()
    (directory / "key.pem").write_bytes(key_pem(key))
    (directory / "cert.pem").write_text(pem(signer.sign(key.public_key(), uris=[identity])))
    made = ssl.create_default_context(cafile=str(state / "root-cert.pem"))
    made.check_hostname = False
    made.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    made.set_alpn_protocols(["istio-http/1.1", "istio"])
    return made


async def answers(mesh: Mesh, certificate: ssl.SSLContext | None, status: int) -> bool:
    """Whether a call has this status."""
    return await call(mesh, certificate) == status


async def test_strict_refuses_plaintext_and_foreign_trust_domains_and_permissive_takes_both_kinds_of_ours(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        ours = certificate_of(mesh, tmp_path / "ours", "spiffe://cluster.local/ns/shop/sa/somebody")
        foreign = certificate_of(mesh, tmp_path / "foreign", "spiffe://elsewhere.example/ns/shop/sa/somebody")
        assert [await call(mesh, each) for each in (ours, None, foreign)] == [200, 0, 0]
        mesh.write("security.yaml", SECURITY.format(mode="PERMISSIVE"))
        await eventually(partial(answers, mesh, None, 200), within=LIVE_WITHIN)
        assert [await call(mesh, each) for each in (ours, None, foreign)] == [200, 200, 0]
        mesh.write("security.yaml", SECURITY.format(mode="DISABLE"))
        await eventually(partial(answers, mesh, ours, 0), within=LIVE_WITHIN)
        assert await call(mesh, None) == 200
        assert not any((await mesh.rejected()).values())


async def test_a_mode_that_cannot_be_read_is_strict(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        mesh.write("security.yaml", SECURITY.format(mode="PERMISSIVE"))
        await eventually(partial(answers, mesh, None, 200), within=LIVE_WITHIN)
        broken = SECURITY.replace("default, namespace: istio-system", "front, namespace: shop")
        mesh.write("front.yaml", broken.format(mode="STRIKT"))
        await eventually(partial(answers, mesh, None, 0), within=LIVE_WITHIN)


async def test_a_mesh_goes_from_permissive_to_strict_without_a_failed_request(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh, mesh.load() as load:
        for _ in range(2):
            mesh.write("security.yaml", SECURITY.format(mode="PERMISSIVE"))
            await eventually(partial(answers, mesh, None, 200), within=LIVE_WITHIN)
            await load.more(50)
            mesh.write("security.yaml", SECURITY.format(mode="STRICT"))
            await eventually(partial(answers, mesh, None, 0), within=LIVE_WITHIN)
            await load.more(50)
        assert load.failures == []


# --- tokens ---------------------------------------------------------------------------------------------------------


@dataclass
class Issuer:
    """Somebody who issues tokens, and shows keys while it `works`."""

    url: str
    works: bool = False
    key: ec.EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())

    def token(self, key: ec.EllipticCurvePrivateKey | None = None, **claims: Any) -> dict[str, str]:
        """As headers of a request."""
        good = {"iss": self.url, "sub": "alice", "aud": "shop", "exp": datetime.now(UTC) + timedelta(minutes=5)}
        text = jwt.encode({**good, **claims}, key or self.key, algorithm="ES256", headers={"kid": "1"})
        return {"authorization": f"Bearer {text}"}

    async def answer(self, request: web.Request) -> web.Response:
        """The OpenID document, or the keys."""
        if not self.works:
            return web.Response(status=503)
        if request.path != "/keys":
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        key = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response({"keys": [{**key, "kid": "1", "alg": "ES256", "use": "sig"}]})


@contextlib.asynccontextmanager
async def issuing(address: str) -> AsyncIterator[Issuer]:
    """An issuer at an address; it is gone when the context ends."""
    issuer = Issuer(f"http://{address}:9090")
    application = web.Application()
    application.router.add_get("/{path:.*}", issuer.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, 9090).start()
        yield issuer
    finally:
        await runner.cleanup()


def manifest(kind: str, name: str, spec: dict[str, Any]) -> str:
    """A policy for `front`, as text."""
    whole = {"selector": {"matchLabels": {"app": "front"}}, **spec}
    metadata = {"name": name, "namespace": "shop"}
    return json.dumps({"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": metadata, "spec": whole})


async def ask(mesh: Mesh, headers: dict[str, str]) -> int:
    """Status of a request through the gateway."""
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(mesh.url, headers=headers) as answer:
        await answer.read()
        return answer.status


async def gets(mesh: Mesh, headers: dict[str, str], status: int) -> bool:
    """Whether a request gets this status."""
    return await ask(mesh, headers) == status


async def test_tokens_are_good_or_refused_and_keys_outlive_their_issuer_and_a_restart(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        async with issuing(mesh.network.address(71)) as issuer:
            rules = [{"issuer": issuer.url, "audiences": ["shop"], "outputClaimToHeaders": []}]
            mesh.write("tokens.json", manifest("RequestAuthentication", "tokens", {"jwtRules": rules}))
            somebody = {"action": "DENY", "rules": [{"from": [{"source": {"notRequestPrincipals": ["*"]}}]}]}
            mesh.write("somebody.json", manifest("AuthorizationPolicy", "somebody", somebody))
            await eventually(partial(gets, mesh, {}, 403), within=LIVE_WITHIN)
            await eventually(partial(gets, mesh, issuer.token(), 401), within=LIVE_WITHIN)
            found = partial(mesh.control_plane.lines, "RequestAuthentication shop/tokens", "status 200, got 503")
            await eventually(found, within=LIVE_WITHIN)

            issuer.works = True
            await eventually(partial(gets, mesh, issuer.token(), 200), within=20)
            assert await ask(mesh, {}) == 403
            assert await ask(mesh, issuer.token(exp=datetime.now(UTC) - timedelta(hours=1))) == 401
            assert await ask(mesh, issuer.token(ec.generate_private_key(ec.SECP256R1()))) == 401
            assert await ask(mesh, issuer.token(iss="http://somebody.else.example")) == 401
            assert await ask(mesh, issuer.token(aud="other")) == 403
            assert await ask(mesh, {"authorization": "Bearer nonsense"}) == 401
            unsigned = jwt.encode({"iss": issuer.url, "sub": "alice", "aud": "shop"}, "", algorithm="none")
            assert await ask(mesh, {"authorization": f"Bearer {unsigned}"}) == 401

            claims = {"rules": [{"when": [{"key": "request.auth.claims[groups]", "values": ["dev*"]}]}]}
            mesh.write("claims.json", manifest("AuthorizationPolicy", "claims", claims))
            await eventually(partial(gets, mesh, issuer.token(), 403), within=LIVE_WITHIN)
            assert await ask(mesh, issuer.token(groups=["ops", "developers"])) == 200
            assert await ask(mesh, issuer.token(groups="dev")) == 200
            assert await ask(mesh, issuer.token(groups=["ops"])) == 403
        await mesh.control_plane.kill()
        await mesh.control_plane.start()
        await eventually(mesh.are_connected, within=15)
        mesh.remove("claims.json")  # a new listener, with the keys of the old process
        await eventually(partial(gets, mesh, issuer.token(), 200), within=LIVE_WITHIN)
        assert await ask(mesh, issuer.token(ec.generate_private_key(ec.SECP256R1()))) == 401
        assert not any((await mesh.rejected()).values())


ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: claims, namespace: shop, creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  hosts: ["*"]
  gateways: [shop]
  http:
  - match: [{headers: {"@request.auth.claims[groups]": {exact: dev}}}]
    directResponse: {status: 204}
  - route: [{destination: {host: front, port: {number: 9080}}}]
"""


async def test_a_gateway_routes_by_claims_of_good_tokens(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        issuer = Issuer("https://issuer.example.com")
        keys = {"keys": [{**ECAlgorithm.to_jwk(issuer.key.public_key(), as_dict=True), "kid": "1"}]}
        spec = {"jwtRules": [{"issuer": issuer.url, "jwks": json.dumps(keys)}]}
        metadata = {"name": "everywhere", "namespace": "istio-system"}
        whole = {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": metadata}
        mesh.write("tokens.json", json.dumps({**whole, "spec": spec}))
        mesh.write("routes.yaml", ROUTES)
        await eventually(partial(gets, mesh, issuer.token(groups="dev"), 204), within=LIVE_WITHIN)
        assert await ask(mesh, issuer.token(groups="ops")) == 200
        assert await ask(mesh, {}) == 200
        assert await ask(mesh, issuer.token(ec.generate_private_key(ec.SECP256R1()), groups="dev")) == 401
