"""The page about patches."""

import json

from pilot.debug import envoy_filters
from pilot.debug.console import Console, Question
from tests.pilot.debug.worlds import connections
from tests.pilot.status.test_patches import patched


async def test_a_name_and_a_namespace_choose() -> None:
    console, mesh = Console(), patched()
    console.add(envoy_filters.entry(mesh, lambda: connections(mesh), tuple))
    every = json.loads((await console.answer("envoyfilterz", Question())).body)
    assert [each["name"] for each in every] == ["some", "elsewhere"]
    assert every[0]["patches"][0]["applyTo"] == "CLUSTER"
    (one,) = json.loads((await console.answer("envoyfilterz", Question({"name": "some"}))).body)
    assert one == every[0]
    none = await console.answer("envoyfilterz", Question({"name": "some", "namespace": "default"}))
    assert json.loads(none.body) == []
