"""What the source asks of an API server, a real client and a real server can do."""

import json
from contextlib import aclosing

from pilot.kube_client import connect
from pilot.sources.kubernetes.api import ListApi
from tests.kubernetes.api_server import ApiServer


async def test_client_of_the_program_reads_lists_and_streams_watches(api_server: ApiServer) -> None:
    client = await connect(api_server.kubeconfig)
    api: ListApi = client
    namespace = await api_server.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    listed = json.loads(await api.read(f"{path}?limit=1"))
    await client.call("POST", path, {"metadata": {"name": "a"}})
    await client.call("DELETE", f"{path}/a")
    said: list[str] = []
    watch = f"{path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}&timeoutSeconds=30"
    async with aclosing(api.stream(watch)) as answers:
        async for lines in answers:
            said += [json.loads(line)["type"] for line in lines if line]
            if len(said) == 2:
                break
    assert said == ["ADDED", "DELETED"]
    await client.close()
