"""Debug pages beside what istiod answered on the same mesh: shapes, names, and whatever the objects determine.

Left out are times, nonces, versions, figures of the process, and what only an API server gives (uid ...).
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from pilot.debug.access import Access
from pilot.debug.console import Question
from pilot.debug.pages import ClusterState, Pages, Surroundings, assemble
from pilot.debug.proxies import Streams
from pilot.operating import DebugSettings
from tests.pilot.debug.worlds import bookinfo, connections
from tests.shared import shared_path

pytestmark = pytest.mark.shared
PRODUCTPAGE = {"proxyID": "productpage-v1-a.default"}
_FROM_API_SERVER = frozenset(
    ("uid", "resourceVersion", "ResourceVersion", "creationTimestamp", "creationTime", "generation", "status")
)
_OF_THE_PROCESS = frozenset(
    (
        *("connectedAt", "connectionId", "versionInfo", "version", "sent", "acked", "sentTime"),
        *(f"{kind}_{what}" for kind in ("cluster", "listener", "route", "endpoint") for what in ("sent", "acked")),
    )
)


def recorded(name: str) -> Any:
    """What istiod said."""
    return json.loads(shared_path("aux", "debug", f"debug_{name}.json").read_text())


@lru_cache(maxsize=1)
def pages() -> Pages:
    mesh = bookinfo()
    rows = connections(mesh)
    around = Surroundings(clusters=lambda: [ClusterState("Kubernetes", "", "synced")])
    return assemble(mesh, Streams(lambda: rows), Access(DebugSettings(), lambda: "istio-system"), around)


async def asked(name: str, **query: str) -> Any:
    """What we say."""
    found = await pages().console.answer(name, Question(query))
    assert found.status == 200, found.body
    return json.loads(found.body)


def bare(value: Any) -> Any:
    """Without what differs between any two runs; lists of objects in one order."""
    if isinstance(value, dict):
        dropped = _FROM_API_SERVER | _OF_THE_PROCESS
        return {key: bare(each) for key, each in sorted(value.items()) if key not in dropped}
    if isinstance(value, list):
        return sorted((bare(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


@pytest.mark.parametrize(
    "name",
    [
        *(
            "authorizationz",
            "clusterz",
            "inject",
            "mcsz",
            "mesh",
            "networkz",
            "push_status",
            "resourcesz",
            "telemetryz",
        ),
        *("connections", "syncz"),
    ],
)
async def test_a_page_says_what_istiod_said(name: str) -> None:
    assert bare(await asked(name)) == bare(recorded(name))


async def test_the_ambient_mesh_is_that_of_istiod() -> None:
    made, wanted = bare(await asked("ambientz")), bare(recorded("ambientz"))
    for each in (made, wanted):  # the port of the API server is another in each run
        each["services"] = [one for one in each["services"] if one["name"] != "kubernetes"]
    assert made == wanted


def without_kubernetes_itself(value: Any) -> Any:
    """Without the Service of the API server, which only a cluster has."""
    return [each for each in value if each["hostname"] != "kubernetes.default.svc.cluster.local"]


async def test_services_are_those_of_istiod() -> None:
    wanted = bare(without_kubernetes_itself(recorded("registryz")))
    assert bare(without_kubernetes_itself(await asked("registryz"))) == wanted


def known_labels(value: Any) -> Any:
    """Endpoints without the labels that istiod writes down although they are empty."""
    if isinstance(value, dict):
        if "Labels" in value and "Addresses" in value:
            return value | {"Labels": {key: each for key, each in value["Labels"].items() if each}}
        return {key: known_labels(each) for key, each in value.items()}
    return [known_labels(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["endpointShardz", "endpointz"])
async def test_endpoints_are_those_of_istiod(name: str) -> None:
    wanted, made = recorded(name), await asked(name)
    for each in (wanted, made):
        each.pop("kubernetes.default.svc.cluster.local", None)
    assert bare(known_labels(made)) == bare(known_labels(wanted))


async def test_objects_are_those_that_were_declared() -> None:
    wanted = [each for each in recorded("configz") if each["kind"] != "GatewayClass"]  # istiod had made them
    assert bare(await asked("configz")) == bare(wanted)


async def test_proxies_belong_to_the_services_of_istiod() -> None:
    assert bare(await asked("instancesz")) == bare(recorded("instancesz"))


async def test_what_proxies_watch_has_the_shape_of_istiod() -> None:
    wanted, made = recorded("adsz"), await asked("adsz")
    assert made["totalClients"] == wanted["totalClients"]
    for ours, theirs in zip(made["clients"], wanted["clients"], strict=True):
        assert ours.keys() == theirs.keys()
        assert bare({**ours, "watches": 0}) == bare({**theirs, "watches": 0})
        for type_url, names in theirs["watches"].items():
            missing = {each for each in names if "kubernetes.default" not in each} - set(ours["watches"][type_url])
            assert not missing, type_url


def sections(dump: Any) -> list[str]:
    return [each["@type"].rpartition(".")[2] for each in dump["configs"]]


async def test_a_dump_has_the_sections_of_istiod() -> None:
    wanted = recorded("config_dump__proxyID-productpage-v1-a.default")
    made = await asked("config_dump", **PRODUCTPAGE)
    assert sections(made) == sections(wanted)
    for ours, theirs in zip(made["configs"], wanted["configs"], strict=True):
        assert ours.keys() == theirs.keys()
        for key in theirs.keys() - {"@type", "versionInfo"}:
            assert ours[key][0].keys() == theirs[key][0].keys()
    clusters = {each["cluster"]["name"] for each in made["configs"][1]["dynamicActiveClusters"]}
    theirs = {each["cluster"]["name"] for each in wanted["configs"][1]["dynamicActiveClusters"]}
    assert {each for each in theirs if "kubernetes.default" not in each} <= clusters


@pytest.mark.parametrize(
    ("name", "query", "recording"),
    [
        ("config_dump", {"types": "rds"}, "config_dump__proxyID-productpage-v1-a.default_types-rds"),
        ("edsz", {}, "edsz__proxyID-productpage-v1-a.default"),
        ("ecdsz", {}, "ecdsz__proxyID-productpage-v1-a.default"),
    ],
)
async def test_plain_resources_have_the_shape_of_istiod(name: str, query: dict[str, str], recording: str) -> None:
    made, wanted = await asked(name, **PRODUCTPAGE, **query), recorded(recording)
    assert made.keys() == wanted.keys()
    types: Callable[[Any], set[str]] = lambda dump: {each["@type"] for each in dump.get("configs", ())}
    assert types(made) == types(wanted)


async def test_the_scope_of_a_proxy_has_the_shape_of_istiod() -> None:
    made, wanted = await asked("sidecarz", **PRODUCTPAGE), recorded("sidecarz__proxyID-productpage-v1-a.default")
    assert made.keys() == wanted.keys()
    assert (made["name"], made["namespace"]) == (wanted["name"], wanted["namespace"])
    assert bare(made["outboundTrafficPolicy"]) == bare(wanted["outboundTrafficPolicy"])
    assert bare(without_kubernetes_itself(made["services"])) == bare(without_kubernetes_itself(wanted["services"]))
    assert bare(made["destinationRules"]) == bare(wanted["destinationRules"])


async def test_every_page_of_istiod_is_in_the_list() -> None:
    assert set(recorded("list")) <= set(await asked("list"))
