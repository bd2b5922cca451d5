"""Filters of EnvoyFilters in real Envoys: they work, and their configuration changes without a new listener."""

from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pilot.agent.options import Protocol
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

INSERT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: {name}, namespace: istio-system}}
spec:
  workloadSelector: {{labels: {{istio: gateway}}}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {{name: envoy.filters.http.router}}
    patch:
      operation: INSERT_BEFORE
      value: {value}
"""
TYPE = "type.googleapis.com/envoy.extensions.filters.http"
LUA = f"""{{name: script, typed_config: {{"@type": {TYPE}.lua.v3.Lua, default_source_code: {{inline_string:
        'function envoy_on_response(h) h:headers():add("x-script", "%s") end'}}}}}}"""
HEADERS = f"""{{name: headers, typed_config: {{"@type": {TYPE}.header_mutation.v3.HeaderMutation, mutations:
        {{response_mutations: [{{append: {{header: {{key: x-mutated, value: "by %RESPONSE_CODE%"}}}}}}]}}}}}}"""
LIMIT = f"""{{name: limit, typed_config: {{"@type": {TYPE}.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit,
        token_bucket: {{max_tokens: 3, tokens_per_fill: 3, fill_interval: 3600s}},
        filter_enabled: {{default_value: {{numerator: 100}}}},
        filter_enforced: {{default_value: {{numerator: 100}}}}}}}}"""
DISCOVERED = f"""{{name: discovered, config_discovery: {{type_urls: [{TYPE}.lua.v3.Lua],
        config_source: {{ads: {{}}, initial_fetch_timeout: 0s, resource_api_version: V3}}}}}}"""
OFFER = """\
  - applyTo: EXTENSION_CONFIG
    match: {{context: GATEWAY}}
    patch: {{operation: ADD, value: {value}}}
"""


async def get(mesh: Mesh) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer through the gateway."""
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(mesh.url) as response:
        return response.status, {key.lower(): value for key, value in response.headers.items()}


async def says(mesh: Mesh, name: str, value: str) -> bool:
    return (await get(mesh))[1].get(name) == value


async def test_scripts_headers_and_limits_that_envoy_filters_bring(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh:
        mesh.write("lua.yaml", INSERT.format(name="script", value=LUA % "here"))
        mesh.write("headers.yaml", INSERT.format(name="headers", value=HEADERS))
        await eventually(partial(says, mesh, "x-script", "here"))
        await eventually(partial(says, mesh, "x-mutated", "by 200"))
        mesh.write("limit.yaml", INSERT.format(name="limit", value=LIMIT))

        async def is_limited() -> bool:
            return (await get(mesh))[0] == 429

        await eventually(is_limited)
        stats = await mesh.admin("gateway").stats("^limit.http_local_rate_limit")
        assert stats["limit.http_local_rate_limit.ok"] == 3
        assert await mesh.rejected() == dict.fromkeys(mesh.agents, 0)

        mesh.remove("limit.yaml")
        await eventually(partial(says, mesh, "x-mutated", "by 200"))


async def listener(mesh: Mesh) -> Any:
    """The gateway's listeners as they arrived, with version and time."""
    held = (await mesh.held())["gateway"]
    return held["type.googleapis.com/envoy.admin.v3.ListenersConfigDump"]


@pytest.mark.parametrize("protocol", list(Protocol), ids=[each.value for each in Protocol])
async def test_an_extension_is_configured_anew_without_a_new_listener(
    tmp_path: Path, any_envoy: Path, protocol: Protocol
) -> None:
    def offered(value: str) -> str:
        script = (LUA % value).replace("name: script", "name: discovered")
        return INSERT.format(name="discovered", value=DISCOVERED) + OFFER.format(value=script)

    async with playing(tmp_path, any_envoy, protocol=protocol) as mesh:
        mesh.write("discovered.yaml", offered("first"))
        await eventually(partial(says, mesh, "x-script", "first"))
        before, counted = await listener(mesh), await mesh.admin("gateway").stats("^listener_manager.listener_")
        async with mesh.load() as load:
            await load.more(20)
            mesh.write("discovered.yaml", offered("second"))
            await eventually(partial(says, mesh, "x-script", "second"))
            await load.more(20)
        assert load.failures == []
        assert await listener(mesh) == before
        assert await mesh.admin("gateway").stats("^listener_manager.listener_") == counted
        draining = await mesh.admin("gateway").stats("^listener_manager.total_listeners_draining$")
        assert set(draining.values()) == {0}
