"""Which kinds a cluster has."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from pilot.sources.kinds import GATEWAY_API, KINDS, NETWORKING
from pilot.sources.kubernetes.definitions import Definitions
from pilot.sources.kubernetes.resources import Resource, plural_of
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import DEFINITIONS, FakeApi

SIDECARS = "/apis/networking.istio.io/v1/sidecars"


def resource(group: str, kind: str) -> Resource:
    return Resource(KINDS[group, kind], plural_of(kind))


SIDECAR, POD = resource(NETWORKING, "Sidecar"), resource("", "Pod")


@contextlib.asynccontextmanager
async def followed(api: FakeApi) -> AsyncIterator[Definitions]:
    definitions = Definitions(api)
    task = asyncio.create_task(definitions.serve())
    try:
        await asyncio.wait_for(definitions.is_known.wait(), 5)
        yield definitions
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_kind_comes_and_goes_with_its_definition() -> None:
    api = FakeApi()
    async with followed(api) as definitions:
        assert definitions.may_have(POD)
        assert not definitions.may_have(SIDECAR)
        waiting = asyncio.create_task(definitions.change_of(SIDECAR))
        api.define("sidecars.networking.istio.io", SIDECARS)
        await asyncio.wait_for(waiting, 5)
        assert definitions.may_have(SIDECAR)
        api.undefine("sidecars.networking.istio.io", SIDECARS)
        await eventually(lambda: not definitions.may_have(SIDECAR))


@pytest.mark.parametrize(("bundle", "found"), [("v1.3.0", False), ("v1.4.0-rc.1", True), ("v2.0.0", True), ("", True)])
async def test_definition_of_an_old_bundle_is_another_kind(bundle: str, found: bool) -> None:
    api = FakeApi()
    annotation = {"gateway.networking.k8s.io_bundle-version": bundle}
    api.define("backendtlspolicies.gateway.networking.k8s.io", "/x", **annotation)
    async with followed(api) as definitions:
        assert definitions.may_have(resource(GATEWAY_API, "BackendTLSPolicy")) is found


async def test_who_may_not_read_definitions_tries_every_kind() -> None:
    api = FakeApi()
    api.forbidden.add(DEFINITIONS)
    async with followed(api) as definitions:
        assert definitions.may_have(SIDECAR)
        await definitions.change_of(SIDECAR, within=0.01)  # ends without news, to try again
