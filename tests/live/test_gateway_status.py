"""Status of a real gateway: what is said of good and bad listeners, and whether its Envoy has accepted it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pilot.cli.status import status
from tests.control_plane import HTTP
from tests.live.gateway_side import LIVE_WITHIN, Gate, kubernetes_gateway, playing, route, secret, tls_secret
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)
FREE = "allowedRoutes: {namespaces: {from: All}}"
NAMES = ("good", "missing", "malformed", "other-key", "expired")
BACKEND = "rules: [{backendRefs: [{name: web-1, port: 9080}]}]"


def listener(name: str) -> str:
    """One with a certificate of its own."""
    tls = f"tls: {{certificateRefs: [{{name: {name}}}]}}"
    return f"{{name: {name}, port: 443, protocol: HTTPS, hostname: {name}.example.com, {FREE}, {tls}}}"


async def gateway_of(gate: Gate) -> Any:
    """What the command says of the Gateway."""
    address = f"{gate.mesh.control_plane.address}:{HTTP}"
    arguments = ["gateway/main", "-n", "gws", "-o", "json", "--address", address]
    result = await asyncio.to_thread(CliRunner().invoke, status, arguments)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.output)
    return found


async def is_acknowledged(gate: Gate) -> bool:
    """Whether the only proxy has accepted everything."""
    return bool((await gateway_of(gate)).get("proxies") == {"connected": 1, "acknowledged": 1})


async def test_bad_certificates_cost_their_listeners_and_conditions_say_so(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        ours, hosts = gate.authority, {name: f"{name}.example.com" for name in NAMES}
        pairs = {name: ours.pair(host) for name, host in hosts.items()}
        old = ours.pair(hosts["expired"], lifetime=timedelta(days=1), now=datetime.now(UTC) - timedelta(days=2))
        parts = (
            kubernetes_gateway(f"[{', '.join(map(listener, NAMES))}]") + route("HTTPRoute", "web", BACKEND),
            tls_secret("good", pairs["good"]),
            secret("malformed", {"tls.crt": "nonsense", "tls.key": pairs["malformed"].key}),
            secret("other-key", {"tls.crt": pairs["other-key"].chain, "tls.key": pairs["good"].key}),
            tls_secret("expired", old),
        )
        gate.mesh.write("given.yaml", "\n---\n".join(parts))
        await eventually(partial(gate.is_served, hosts["good"], ours.client()), within=LIVE_WITHIN)
        await eventually(partial(is_acknowledged, gate), within=LIVE_WITHIN)
        for name in NAMES[1:]:
            assert (await gate.handshake(hosts[name], ours.client())).status == 0, name
        found = await gateway_of(gate)
        conditions = {
            each["name"]: {one["type"]: (one["status"], one["reason"]) for one in each["conditions"]}
            for each in found["status"]["listeners"]
        }
        assert conditions["good"]["ResolvedRefs"] == ("True", "ResolvedRefs")
        for name in NAMES[1:]:
            assert conditions[name]["ResolvedRefs"] == ("False", "InvalidCertificateRef"), name
        programmed = {name: each["Programmed"][0] for name, each in conditions.items()}
        assert programmed == {name: "True" if name in ("good", "expired") else "False" for name in NAMES}
        assert {each["attachedRoutes"] for each in found["status"]["listeners"]} == {1}
        for name in NAMES[1:]:
            await eventually(partial(gate.mesh.control_plane.lines, f"Secret gws/{name}"), within=LIVE_WITHIN)

        gate.mesh.write("mended.yaml", tls_secret("missing", pairs["missing"]))
        await eventually(partial(gate.is_served, hosts["missing"], ours.client()), within=LIVE_WITHIN)
        await eventually(partial(is_acknowledged, gate), within=LIVE_WITHIN)
        assert (await gate.handshake(hosts["good"], ours.client())).status == 200
        assert not await gate.refused()
