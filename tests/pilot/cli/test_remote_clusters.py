"""`meshpilot remote-clusters`."""

import json

from tests.pilot.cli.answering import answering, run


async def test_clusters_of_every_control_plane() -> None:
    async with answering() as one, answering() as other:
        found = await run("remote-clusters", "--address", one, "--address", other)
        told = json.loads((await run("remote-clusters", "--address", one, "-o", "json")).output)
    assert found.exit_code == 0
    lines = [line.split() for line in found.output.splitlines()]
    assert lines[0] == ["NAME", "SECRET", "STATUS", "ISTIOD"]
    assert len(lines) == 5
    assert lines[-1][:3] == ["west", "istio-system/west", "timeout"]
    assert told[0] == {"id": "Kubernetes", "secretName": "", "syncStatus": "synced", "istiod": one}


async def test_nobody_answers() -> None:
    assert (await run("remote-clusters", "--address", "127.0.0.1:1")).exit_code == 1
