"""Small collections and single objects, kept current."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from ca.errors import KubernetesError
from pilot.sources.kubernetes.named import watch_object
from tests.pilot.sources.kubernetes.fake_api import FakeApi

MAPS = "/api/v1/configmaps"
OURS = "/api/v1/namespaces/istio-system/configmaps"


async def data(versions: AsyncGenerator[Mapping[str, Any] | None, None]) -> Any:
    found = await anext(versions)
    return found["data"] if found is not None else None


async def test_object_is_followed_from_absence_through_changes_to_absence() -> None:
    api = FakeApi(MAPS)
    api.put(MAPS, "other", "istio-system", data={"not": "asked for"})
    async with aclosing(watch_object(api, OURS, "istio")) as versions:
        assert await data(versions) is None
        api.put(MAPS, "istio", "istio-system", data={"a": "1"})
        assert await data(versions) == {"a": "1"}
        api.put(MAPS, "istio", "istio-system", data={"a": "2"})
        assert await data(versions) == {"a": "2"}
        api.delete(MAPS, "istio", "istio-system")
        assert await data(versions) is None
    assert all("fieldSelector=metadata.name%3Distio" in each for each in api.asked)


async def test_refusal_is_raised() -> None:
    api = FakeApi(MAPS)
    api.forbidden.add(OURS)
    with pytest.raises(KubernetesError):
        await anext(watch_object(api, OURS, "istio"))
