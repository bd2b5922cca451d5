"""AuthorizationPolicies at real Envoys: who may do what, what broken policies do, external authorizers, dry runs."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

LIVE_WITHIN = 5.0
"""Seconds until an edit is live; a fraction of one, but the machine may be busy."""


@dataclass(frozen=True)
class Ask:
    """A request through the gateway."""

    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def status(self, mesh: Mesh) -> int:
        """What comes back."""
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.request(self.method, mesh.url.rstrip("/") + self.path, headers=self.headers) as response,
        ):
            await response.read()
            return response.status


def policy(spec: Mapping[str, Any], name: str = "tried", **metadata: Any) -> str:
    """An AuthorizationPolicy for `front`, as text."""
    whole = {"selector": {"matchLabels": {"app": "front"}}, **spec}
    return json.dumps(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": name, "namespace": "shop", **metadata},
            "spec": whole,
        }
    )


def _to(**operation: Any) -> list[dict[str, Any]]:
    return [{"to": [{"operation": operation}]}]


def _from(**source: Any) -> list[dict[str, Any]]:
    return [{"from": [{"source": source}]}]


def _when(key: str, *values: str) -> list[dict[str, Any]]:
    return [{"when": [{"key": key, "values": values}]}]


GATEWAY = "cluster.local/ns/istio-system/sa/gateway"
HELLO = Ask("/hello/you", headers={"x-word": "please"})
ALLOWING_AND_REFUSING: list[tuple[str, list[dict[str, Any]], Ask]] = [
    # action, rules, what is refused; HELLO is allowed
    ("ALLOW", _to(paths=["/hello/*"]), Ask("/other")),
    ("DENY", _to(paths=["/other", "*/end"]), Ask("/some/end")),
    ("ALLOW", _to(paths=["/hello/{*}"]), Ask("/hello/you/there")),
    ("DENY", _to(paths=["/other/{**}"]), Ask("/other/a/b")),
    ("ALLOW", _to(methods=["GET"]), Ask("/hello/you", "POST")),
    ("DENY", _to(notMethods=["GET"]), Ask("/hello/you", "PUT")),
    ("ALLOW", _when("request.headers[x-word]", "please"), Ask("/hello/you")),
    ("DENY", _when("request.headers[x-bad]", "*"), Ask(headers={"x-bad": "yes"})),
    ("ALLOW", [{**_from(principals=[GATEWAY])[0], **_to(paths=["/hello/*"])[0]}], Ask("/other")),
    ("DENY", [{**_from(namespaces=["istio-*"])[0], **_to(paths=["/other"])[0]}], Ask("/other")),
    ("DENY", [{**_from(notServiceAccounts=["shop/back"])[0], **_to(paths=["/other"])[0]}], Ask("/other")),
    ("DENY", [{**_from(ipBlocks=["127.0.0.0/8"])[0], **_to(paths=["/other"])[0]}], Ask("/other")),
    ("DENY", [{**_from(notRemoteIpBlocks=["10.0.0.0/8"])[0], **_to(paths=["/other"])[0]}], Ask("/other")),
    ("DENY", [{**_to(ports=["9080"], paths=["/other"])[0]}], Ask("/other")),
]
REFUSING_EVERYTHING: list[tuple[str, list[dict[str, Any]]]] = [
    ("ALLOW", _from(principals=["cluster.local/ns/shop/sa/back"])),
    ("DENY", _from(principals=[GATEWAY])),
    ("DENY", _from(serviceAccounts=["istio-system/gateway"])),
    ("ALLOW", _from(ipBlocks=["192.0.2.0/24"])),
    ("ALLOW", []),
    # those that cannot be translated
    ("DENY", _from(ipBlocks=["300.1.1.1"])),
    ("ALLOW", _from(notIpBlocks=["10.0.0.0/99"])),
    ("DENY", _when("request.heders[x]", "y")),
    ("DENY", _to(paths=["/a/{id}"])),
    ("DENY", _to(ports=["http"])),
    ("CUSTOM", [{}]),
]


async def test_requests_are_allowed_and_denied_as_policies_say(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        for action, rules, refused in ALLOWING_AND_REFUSING:
            await eventually(partial(_answers, mesh, refused, 200), within=LIVE_WITHIN)
            mesh.write("tried.json", policy({"action": action, "rules": rules}))
            await eventually(partial(_answers, mesh, refused, 403), within=LIVE_WITHIN)
            assert await HELLO.status(mesh) == 200, (action, rules)
            mesh.remove("tried.json")
        assert not any((await mesh.rejected()).values())


async def test_policies_for_others_and_broken_ones_refuse_everything(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        for action, rules in REFUSING_EVERYTHING:
            await eventually(partial(_answers, mesh, HELLO, 200), within=LIVE_WITHIN)
            mesh.write("tried.json", policy({"action": action, "rules": rules}))
            await eventually(partial(_answers, mesh, HELLO, 403), within=LIVE_WITHIN)
            mesh.remove("tried.json")
        assert mesh.control_plane.lines("AuthorizationPolicy shop/tried", "cannot be translated in full")
        assert not any((await mesh.rejected()).values())


async def _answers(mesh: Mesh, ask: Ask, status: int) -> bool:
    return await ask.status(mesh) == status


PROVIDERS = """
extensionProviders:
- name: asked
  envoyExtAuthzHttp: {service: authz.shop.internal, port: 9080, timeout: 1s, failOpen: FAIL_OPEN,
    includeRequestHeadersInCheck: [x-may]}
"""
AUTHORIZER = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: shop}
spec:
  hosts: [authz.shop.internal]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
  endpoints: [{address: ADDRESS}]
"""


@contextlib.asynccontextmanager
async def authorizer(address: str) -> AsyncIterator[None]:
    """Allows what has the header `x-may: yes`."""

    async def check(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("x-may") == "yes" else 403)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", check)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, 9080).start()
        yield
    finally:
        await runner.cleanup()


async def test_an_external_authorizer_decides_and_its_absence_is_handled_as_configured(
    tmp_path: Path, any_envoy: Path
) -> None:
    asked, unasked = Ask("/asked"), Ask("/unasked")
    may = Ask("/asked", headers={"x-may": "yes"})
    async with playing(tmp_path, any_envoy, PROVIDERS.replace("FAIL_OPEN", "false")) as mesh:
        address = mesh.network.address(70)
        mesh.write("authz.yaml", AUTHORIZER.replace("ADDRESS", address))
        async with authorizer(address):
            custom = {"action": "CUSTOM", "provider": {"name": "asked"}, "rules": _to(paths=["/asked"])}
            mesh.write("custom.json", policy(custom))
            await eventually(partial(_answers, mesh, asked, 403), within=LIVE_WITHIN)
            await eventually(partial(_answers, mesh, may, 200), within=LIVE_WITHIN)
            assert await asked.status(mesh) == 403
            assert await unasked.status(mesh) == 200
        await eventually(partial(_answers, mesh, may, 403), within=LIVE_WITHIN)
        assert await unasked.status(mesh) == 200
        (tmp_path / "mesh.yaml").write_text(PROVIDERS.replace("FAIL_OPEN", "true"))
        await eventually(partial(_answers, mesh, asked, 200), within=LIVE_WITHIN)
        async with authorizer(address):
            await eventually(partial(_answers, mesh, asked, 403), within=LIVE_WITHIN)
        assert not any((await mesh.rejected()).values())


NOTED = "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_{}_shadow_engine_result)%"
LOG = f"""
accessLogFile: FILE
accessLogFormat: "%REQ(:PATH)% allow={NOTED.format("allow")} deny={NOTED.format("deny")}\\n"
"""


async def test_dry_runs_refuse_nothing_and_are_in_the_access_log(tmp_path: Path, any_envoy: Path) -> None:
    log = tmp_path / "access.log"
    async with playing(tmp_path, any_envoy, LOG.replace("FILE", str(log))) as mesh:
        dry = {"annotations": {"istio.io/dry-run": "true"}}
        mesh.write("dry-deny.json", policy({"action": "DENY", "rules": _to(paths=["/dry/deny"])}, "dry-deny", **dry))
        mesh.write("dry-allow.json", policy({"rules": _to(paths=["/dry/allow"])}, "dry-allow", **dry))

        async def logged(path: str, allow: str, deny: str) -> bool:
            assert await Ask(path).status(mesh) == 200
            return f"{path} allow={allow} deny={deny}" in log.read_text().splitlines()

        await eventually(lambda: logged("/dry/deny", "denied", "denied"), within=15)
        await eventually(lambda: logged("/dry/allow", "allowed", "allowed"), within=15)


async def test_an_edit_of_a_policy_touches_listeners_of_its_workload_only(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        before = await mesh.stats(r"^(listener_manager\.lds|cluster_manager\.cds)\.update_success$")
        mesh.write("tried.json", policy({"action": "DENY", "rules": _to(paths=["/other"])}))
        await eventually(partial(_answers, mesh, Ask("/other"), 403), within=LIVE_WITHIN)
        mesh.write("tried.json", policy({"action": "DENY", "rules": _to(paths=["/another"])}))
        await eventually(partial(_answers, mesh, Ask("/another"), 403), within=LIVE_WITHIN)
        after = await mesh.stats(r"^(listener_manager\.lds|cluster_manager\.cds)\.update_success$")
        changed = {
            (name, stat) for name, each in after.items() for stat in each if each[stat] != before[name].get(stat)
        }
        assert changed == {("front-v1", "listener_manager.lds.update_success")}
