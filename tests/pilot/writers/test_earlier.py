"""What stands of us from an earlier life; tests/kubernetes/test_writers.py sees it go."""

from typing import Any, cast

from pilot.kube_client import KubeClient
from pilot.model.objects import ObjectKey
from pilot.sources.kinds import KINDS, NETWORKING, SECURITY
from pilot.writers.earlier import said_before
from tests.pilot.sources.kubernetes.fake_api import FakeApi

POLICIES = "/apis/security.istio.io/v1/authorizationpolicies"
SIDECARS = "/apis/networking.istio.io/v1beta1/sidecars"
ASKED = (KINDS[SECURITY, "AuthorizationPolicy"], KINDS[NETWORKING, "Sidecar"], KINDS[NETWORKING, "Gateway"])


def put(api: FakeApi, collection: str, name: str, manager: str, *types: str) -> None:
    metadata = {"uid": f"uid-{name}", "managedFields": [{"manager": manager, "subresource": "status"}]}
    api.put(collection, name, "a", metadata=metadata, status={"conditions": [{"type": each} for each in types]})


async def found(api: FakeApi) -> dict[ObjectKey, Any]:
    return dict(await said_before(cast(KubeClient, api), ASKED, "meshpilot"))


async def test_conditions_of_ours_are_known_whatever_version_has_them() -> None:
    api = FakeApi(POLICIES, SIDECARS)
    put(api, POLICIES, "ours", "meshpilot", "Translated", "Reconciled")
    put(api, SIDECARS, "old", "meshpilot", "Translated")
    said = {"conditions": [{"type": "Translated"}]}
    assert await found(api) == {
        ObjectKey("AuthorizationPolicy", "a", "ours"): ("uid-ours", said),
        ObjectKey("Sidecar", "a", "old"): ("uid-old", said),
    }


async def test_those_of_others_and_objects_without_any_are_not() -> None:
    api = FakeApi(POLICIES)
    put(api, POLICIES, "theirs", "pilot-discovery", "ZtunnelAccepted")
    put(api, POLICIES, "silent", "meshpilot")
    api.put(POLICIES, "fresh", "a")
    assert await found(api) == {}


async def test_a_long_list_is_read_to_its_end() -> None:
    api = FakeApi(POLICIES)
    for number in range(501):
        put(api, POLICIES, f"p{number}", "meshpilot", "Translated")
    assert len(await found(api)) == 501
