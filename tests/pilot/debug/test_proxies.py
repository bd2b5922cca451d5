"""Pages about connected proxies."""

from typing import Any

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from pilot.debug.console import Answer, Later, Question
from pilot.debug.proxies import ProxyPages, Streams, is_proxy
from pilot.type_urls import CLUSTER, ROUTE
from tests.pilot.debug.worlds import bookinfo, connected, connections, nodes, row

PRODUCTPAGE = "productpage-v1-a.default"


def pages(*rows: Any, **streams: Any) -> ProxyPages:
    mesh = bookinfo()
    return ProxyPages(mesh, Streams(lambda: rows or connections(mesh), **streams))


def made(page: object) -> Any:
    """What a thread would make."""
    assert isinstance(page, Later)
    return page.make()


def tool() -> Node:
    told = {"id": "sidecar~10.0.0.9~istioctl.istio-system~istio-system.svc.cluster.local"}
    return json_format.ParseDict(told | {"metadata": {"GENERATOR": "event", "NAMESPACE": "istio-system"}}, Node())


def test_syncz_tells_nonces_by_type_and_in_columns() -> None:
    found = made(pages().syncz(Question()))
    assert [each["proxy"] for each in found] == [
        "istio-ingressgateway-0.istio-system", PRODUCTPAGE, "reviews-v2-a.default"
    ]  # fmt: skip
    first = found[1]
    assert (first["cluster_id"], first["proxy_type"], first["istio_version"]) == ("Kubernetes", "sidecar", "1.29.1")
    assert (first["cluster_sent"], first["route_acked"]) == ("1", "1")
    assert "extensionconfig_sent" not in first
    assert first["resources"][CLUSTER] == {"sent": "1", "acked": "1", "sentTime": "2026-11-20T17:26:56.958721Z"}


def test_syncz_of_a_namespace() -> None:
    found = made(pages().syncz(Question({"namespace": "istio-system"})))
    assert [each["proxy_type"] for each in found] == ["router"]


def test_a_refusal_is_told() -> None:
    mesh = bookinfo()
    wrong = connected(mesh, nodes()["productpage"], watches=(row(ROUTE, "9080", acked="", error="no such cluster"),))
    (found,) = made(pages(wrong).syncz(Question()))
    assert found["resources"][ROUTE]["lastError"] == "no such cluster"
    assert "route_acked" not in found


def test_a_tool_is_no_proxy() -> None:
    mesh = bookinfo()
    asking = connected(mesh, tool(), watches=())
    assert not is_proxy(asking)
    assert made(pages(asking).syncz(Question())) == []
    assert is_proxy(connected(mesh, tool()))  # one that watches something is


def test_adsz_tells_what_is_watched() -> None:
    found = made(pages().adsz(Question({"proxyID": PRODUCTPAGE})))
    (client,) = found["clients"]
    assert found["totalClients"] == 1
    assert "BlackHoleCluster" in client["watches"][CLUSTER]
    assert "9080" in client["watches"][ROUTE]
    assert client["metadata"]["NAMESPACE"] == "default"


def test_adsz_can_push() -> None:
    found = pages(push=lambda: 3).adsz(Question({"push": "true"}))
    assert isinstance(found, Answer)
    assert found.body == b"Pushed to 3 servers"


def test_a_proxy_is_found_by_a_part_of_its_id_and_never_in_another_namespace() -> None:
    known = pages()
    assert getattr(known.find(Question({"proxyID": "productpage"})), "id", "") == f"{PRODUCTPAGE}-1"
    for question in (Question({"proxyID": "nobody"}), Question({"proxyID": "productpage"}, "shop")):
        missing = known.find(question)
        assert isinstance(missing, Answer)
        assert (missing.status, missing.body.decode().strip()) == (
            404, "Proxy not connected to this Pilot instance. It may be connected to another instance."
        )  # fmt: skip
    unnamed = known.find(Question())
    assert isinstance(unnamed, Answer)
    assert (unnamed.status, unnamed.body) == (400, b"You must provide a proxyID in the query string\n")


def test_disconnecting_has_to_be_allowed() -> None:
    ended: list[str] = []

    def disconnect(name: str) -> bool:
        ended.append(name)
        return True

    known = pages(disconnect=disconnect)
    question = Question({"proxyID": PRODUCTPAGE})
    refused, done = (
        next(each for each in known.entries(unsafe=unsafe) if each.name == "force_disconnect").page(question)
        for unsafe in (False, True)
    )
    assert isinstance(refused, Answer)
    assert isinstance(done, Answer)
    assert (refused.status, done.status, done.body, ended) == (403, 200, b"OK", [f"{PRODUCTPAGE}-1"])


def test_instances_are_the_service_ports_of_a_proxy() -> None:
    found = made(pages().instances(Question()))
    (port,) = found[PRODUCTPAGE]
    assert port["Port"] == {"name": "http", "port": 9080, "protocol": "HTTP", "TargetPort": 9080}
    assert port["Service"]["hostname"] == "productpage.default.svc.cluster.local"
