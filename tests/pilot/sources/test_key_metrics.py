"""How the fetching of keys goes, as Prometheus asks for it."""

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from pilot.debug.exposition import generate
from pilot.sources.key_metrics import KeyMetrics
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.test_keys import FIRST, ONE, OTHER, World, keeping


async def test_attempts_are_counted_and_failures_named(tmp_path: Path) -> None:
    registry, world = CollectorRegistry(), World({ONE: FIRST})
    async with keeping(world, tmp_path) as keeper:
        KeyMetrics(registry, keeper)
        keeper.want(frozenset({ONE, OTHER}))
        await eventually(lambda: len(world.pauses) == 2)
        text = await asyncio.to_thread(generate, registry)
    assert "\npilot_jwks_resolver_network_fetch_success_total 1.0\n" in text
    assert "\npilot_jwks_resolver_network_fetch_fail_total 1.0\n" in text
    assert 'meshpilot_token_keys_failures{url="https://other"} 1.0' in text
    assert 'meshpilot_token_keys_failures{url="https://one/keys"} 0.0' in text
