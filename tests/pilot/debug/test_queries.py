"""Debug questions over xDS."""

import json
from dataclasses import replace
from typing import Any

import pytest
from envoy.service.status.v3 import csds_pb2
from google.protobuf.any_pb2 import Any as Packed

from pilot.debug.access import Access
from pilot.debug.pages import Surroundings, assemble
from pilot.debug.proxies import Streams
from pilot.debug.queries import CONFIG_DUMP, SYNCZ, DebugQueries, status_of
from pilot.errors import BadRequest, PermissionDenied, Unauthenticated
from pilot.operating import DebugSettings
from pilot.resources import ResourceSet
from pilot.type_urls import CLUSTER, TypeUrl
from tests.pilot.debug.worlds import bookinfo, connections, row

PAGE = TypeUrl("istio.io/debug")
ROOT = ("spiffe://td/ns/istio-system/sa/default",)
OWN = ("spiffe://td/ns/default/sa/web",)


def queries(**settings: Any) -> DebugQueries:
    mesh = bookinfo()
    access = Access(DebugSettings(**settings), lambda: "istio-system")
    return assemble(mesh, Streams(lambda: connections(mesh)), access, Surroundings()).queries


def unpacked(found: ResourceSet) -> list[Packed]:
    return [Packed.FromString(each.body) for each in found.resources.values()]


async def test_syncz_is_one_client_config_a_proxy() -> None:
    found = [
        csds_pb2.ClientConfig.FromString(each.value) for each in unpacked(await queries()(ROOT, SYNCZ, frozenset()))
    ]
    assert [each.node.id for each in found][1] == "productpage-v1-a.default"
    assert dict(found[1].node.metadata) == {
        "CLUSTER_ID": "Kubernetes",
        "NAMESPACE": "default",
        "ISTIO_VERSION": "1.29.1",
    }
    types = [each.type_url for each in found[1].generic_xds_configs]
    assert types == sorted(types)
    assert {each.config_status for each in found[1].generic_xds_configs} == {csds_pb2.ConfigStatus.SYNCED}
    assert found[1].generic_xds_configs[0].last_updated.seconds == 1795195616


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"error": "no"}, "ERROR"),
        ({"sent_nonce": ""}, "NOT_SENT"),
        ({"acked_nonce": "0"}, "STALE"),
        ({}, "SYNCED"),
    ],
)
def test_states_of_a_type(change: dict[str, str], wanted: str) -> None:
    assert csds_pb2.ConfigStatus.Name(status_of(replace(row(CLUSTER, "*"), **change))) == wanted  # type: ignore[arg-type]


async def test_a_dump_comes_in_sections() -> None:
    found = unpacked(await queries()(ROOT, CONFIG_DUMP, frozenset(("productpage-v1-a.default",))))
    assert [each.type_url.rpartition(".")[2] for each in found][:3] == [
        "BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump"
    ]  # fmt: skip


async def test_a_dump_of_nobody_is_empty() -> None:
    assert not len(await queries()(ROOT, CONFIG_DUMP, frozenset(("nobody",))))
    assert not len(await queries()(("spiffe://td/ns/shop/sa/x",), CONFIG_DUMP, frozenset(("productpage",))))


async def test_a_page_comes_as_it_is() -> None:
    (found,) = unpacked(await queries()(OWN, PAGE, frozenset(("edsz?proxyID=productpage-v1-a.default",))))
    assert found.type_url == PAGE
    assert json.loads(found.value)["configs"]


@pytest.mark.parametrize(
    ("identities", "type_url", "names", "error"),
    [
        (None, PAGE, ("syncz",), Unauthenticated),
        (None, SYNCZ, (), Unauthenticated),
        (OWN, PAGE, ("configz",), PermissionDenied),
        (ROOT, PAGE, (), BadRequest),
        (ROOT, PAGE, ("syncz", "adsz"), BadRequest),
        (ROOT, CONFIG_DUMP, (), BadRequest),
    ],
)
async def test_refusals(
    identities: tuple[str, ...] | None, type_url: TypeUrl, names: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await queries()(identities, type_url, frozenset(names))


async def test_without_debug_authentication_anybody_asks_how_proxies_are() -> None:
    assert len(await queries(by_namespace=False)(None, SYNCZ, frozenset())) == 3


async def test_switched_off_every_answer_is_a_404() -> None:
    (found,) = unpacked(await queries(enabled=False)(ROOT, SYNCZ, frozenset()))
    assert b"404" in found.value
