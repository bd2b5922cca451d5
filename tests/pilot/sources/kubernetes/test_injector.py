"""The injector's configuration reaches the webhook, and only when it says something else."""

from contextlib import aclosing

import pytest

from pilot.sources.kubernetes.injector import InjectorTexts, suffixed, watch_injector
from tests.pilot.sources.kubernetes.fake_api import FakeApi

MAPS = "/api/v1/configmaps"


@pytest.mark.parametrize(("revision", "name"), [("", "istio"), ("default", "istio"), ("canary", "istio-canary")])
def test_revisions_have_names_of_their_own(revision: str, name: str) -> None:
    assert suffixed("istio", revision) == name


async def test_texts_are_followed() -> None:
    api, name = FakeApi(MAPS), "istio-sidecar-injector-canary"
    async with aclosing(watch_injector(api, "istio-system", "canary")) as texts:
        assert await anext(texts) is None
        api.put(MAPS, name, "istio-system", data={"config": "c", "values": "{}"})
        assert await anext(texts) == InjectorTexts("c", "{}")
        api.put(MAPS, name, "istio-system", data={"config": "c", "values": "{}"}, metadata={"labels": {"a": "b"}})
        api.put(MAPS, name, "istio-system", data={"config": "d"})
        assert await anext(texts) == InjectorTexts("d", "")
