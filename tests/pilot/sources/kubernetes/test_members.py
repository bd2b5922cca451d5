"""Namespaces of a mesh that may not read the whole cluster."""

import contextlib
from collections.abc import AsyncIterator

from pilot.sources.kubernetes.members import LABEL, Members
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

ROLLS, NAMESPACES = "/apis/maistra.io/v1/servicemeshmemberrolls", "/api/v1/namespaces"


@contextlib.asynccontextmanager
async def looking(api: FakeApi, *configured: str) -> AsyncIterator[Members]:
    members = Members(api, "mesh", configured)
    members.begin()
    try:
        yield members
    finally:
        await members.close()


async def test_member_roll_is_followed() -> None:
    api = FakeApi(ROLLS)
    api.put(ROLLS, "default", "mesh", spec={"members": ["shop"]}, status={"configuredMembers": ["bank"]})
    async with looking(api) as members:
        changed = members.subscribe()
        await eventually(lambda: members.namespaces == frozenset(("mesh", "shop", "bank")))
        changed.clear()
        api.put(ROLLS, "default", "mesh", spec={"members": ["shop", "new"]})
        await eventually(changed.is_set)
        assert members.namespaces == frozenset(("mesh", "shop", "new"))


async def test_labelled_namespaces_are_members() -> None:
    api = FakeApi(NAMESPACES)
    api.put(NAMESPACES, "shop", metadata={"labels": {LABEL: "mesh"}})
    api.put(NAMESPACES, "theirs", metadata={"labels": {LABEL: "another"}})
    async with looking(api) as members:
        await eventually(lambda: members.namespaces == frozenset(("mesh", "shop")))


async def test_configured_list_needs_no_cluster() -> None:
    members = Members(FakeApi(), "mesh", ("shop",))
    assert members.namespaces == frozenset(("mesh", "shop"))


async def test_nobody_knows_members_that_nobody_names() -> None:
    api = FakeApi(ROLLS, NAMESPACES)
    async with looking(api) as members:
        await eventually(lambda: len(api.asked) >= 4)
        assert members.namespaces is None
