"""Namespaces that may only be read one by one."""

import asyncio
import json

from pilot.model.kubernetes import Namespace
from pilot.model.objects import Object
from pilot.sources.kinds import KINDS
from pilot.sources.kubernetes.inventory import Inventory
from pilot.sources.kubernetes.member_namespaces import NAME_LABEL, MemberNamespaces
from pilot.sources.kubernetes.members import Members
from pilot.sources.kubernetes.resources import Resource
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

NAMESPACES = "/api/v1/namespaces"


class OneByOne(FakeApi):
    """Answers for single namespaces."""

    async def read(self, path: str, accept: str = "application/json") -> bytes:
        self._check(path if path in self.forbidden else NAMESPACES)
        name = path.rpartition("/")[2]
        if ("", name) not in self.objects[NAMESPACES]:
            self._check("nowhere")
        return json.dumps(self.objects[NAMESPACES]["", name]).encode()


async def test_members_are_read_and_forgotten() -> None:
    api = OneByOne(NAMESPACES)
    api.put(NAMESPACES, "shop", metadata={"labels": {"a": "b"}})
    api.put(NAMESPACES, "mesh")
    api.forbidden.add(f"{NAMESPACES}/mesh")
    inventory, members = Inventory(), Members(api, "mesh", ("shop", "not-there"))
    settled = asyncio.Event()
    resource = Resource(KINDS["", "Namespace"], "namespaces")
    task = asyncio.create_task(MemberNamespaces(api, resource, members, inventory).serve(settled.set))
    await asyncio.wait_for(settled.wait(), 5)
    known: dict[str, Object | None] = {each.key.name: each.object for each in inventory.take()}
    labels = {name: each.metadata.labels for name, each in known.items() if isinstance(each, Namespace)}
    assert labels == {"shop": {"a": "b"}, "mesh": {NAME_LABEL: "mesh"}}
    api.delete(NAMESPACES, "shop")
    members._notify()
    await eventually(lambda: ("shop", None) in [(each.key.name, each.object) for each in inventory.take()])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
