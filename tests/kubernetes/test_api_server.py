"""The fixture itself: it is a real API server, and it refuses who it should."""

import pytest

from tests.kubernetes import binaries
from tests.kubernetes.api_server import ISSUER, ApiServer, ApiStatusError


async def test_it_is_the_version_that_was_asked_for(api_server: ApiServer) -> None:
    assert (await api_server.call("GET", "/version"))["gitVersion"] == f"v{binaries.wanted_version()}"


async def test_tokens_are_reviewed(api_server: ApiServer) -> None:
    namespace = await api_server.namespace()
    await api_server.service_account(namespace, "app")
    uid = await api_server.pod(namespace, "app-1", "app", "node-1")
    token = await api_server.token(namespace, "app", pod=("app-1", uid))
    body = {"spec": {"token": token, "audiences": ["istio-ca"]}}
    status = (await api_server.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body))["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:app"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-uid"] == [uid]
    assert (await api_server.call("GET", "/.well-known/openid-configuration"))["issuer"] == ISSUER


async def test_workloads_may_not_do_what_administrators_may(api_server: ApiServer) -> None:
    namespace = await api_server.namespace()
    await api_server.service_account(namespace, "app")
    token = await api_server.token(namespace, "app", audience=ISSUER)
    with pytest.raises(ApiStatusError) as refused:
        await api_server.call("GET", f"/api/v1/namespaces/{namespace}/secrets", token=token)
    assert refused.value.status == 403
