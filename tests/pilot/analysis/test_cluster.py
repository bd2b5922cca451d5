from typing import Any

import pytest

from ca.errors import KubernetesError
from pilot.analysis.cluster import paths, read


class FakeClient:
    """Two pages of Services, no Pods for us, nothing else there."""

    async def call(self, method: str, path: str) -> Any:
        base, _, query = path.partition("?")
        if base == "/api/v1/services":
            name, token = ("b", "") if "continue=" in query else ("a", "more")
            return {"metadata": {"continue": token}, "items": [{"metadata": {"name": name, "namespace": "n"}}]}
        raise KubernetesError("no", 403 if base == "/api/v1/pods" else 404)


async def test_everything_that_may_be_read_is() -> None:
    items, left_out = await read(FakeClient(), "c1")
    assert [(each.origin, each.cluster) for each in items] == [("Service n/a", "c1"), ("Service n/b", "c1")]
    assert left_out == ["Pod: may not be listed: what depends on it is not analyzed"]


async def test_a_cluster_that_does_not_answer_is_an_error() -> None:
    class Dead:
        async def call(self, method: str, path: str) -> Any:
            raise KubernetesError("nobody")

    with pytest.raises(KubernetesError):
        await read(Dead())


def test_paths_are_plurals() -> None:
    found = {kind: path for _, kind, path in paths()}
    assert found["AuthorizationPolicy"] == "/apis/security.istio.io/v1/authorizationpolicies"
    assert found["Gateway"].endswith("/gateways")
    assert found["GatewayClass"].endswith("/gatewayclasses")
    assert found["ServiceEntry"].endswith("/serviceentries")
    assert found["Telemetry"].endswith("/telemetries")
    assert found["Deployment"] == "/apis/apps/v1/deployments"
