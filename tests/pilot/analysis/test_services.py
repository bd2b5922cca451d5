from dataclasses import replace

from pilot.analysis.services import over_clusters, port_names, shared_deployments
from pilot.analysis.store import store
from tests.pilot.analysis.worlds import FRUIT, MESHED, items, said

DEPLOYMENT = """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop},
 spec: {template: {metadata: {labels: {app: fruit}}, spec: {containers: [{name: a}]}}}}
"""


def port(text: str, extra: str = "") -> str:
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: s, namespace: shop}}, spec: {{ports: [{{{text}}}]{extra}}}}}"  # noqa: E501


def test_a_port_says_its_protocol_by_its_name() -> None:
    for text in ("name: http-web, port: 80", "name: x, appProtocol: mysql, port: 1", "name: d, protocol: UDP, port: 53",
                 "name: grpc-web-x, port: 1", "name: tcp, port: 1", "name: db, port: 3306",
                 "name: x, appProtocol: kubernetes.io/h2c, port: 1"):  # fmt: skip
        assert said(port_names, port(text)) == [], text
    for text in ("name: httpx, port: 80", "port: 80", "name: http, appProtocol: example.com/own, port: 80"):
        assert said(port_names, port(text)) == [("IST0118", "Service shop/s")], text


def test_external_names_need_more_than_tcp() -> None:
    extra = ", type: ExternalName, externalName: e.test"
    assert said(port_names, port("name: tcp, port: 80", extra)) == [("IST0150", "Service shop/s")]
    assert said(port_names, port("name: strange, port: 80", extra)) == [("IST0150", "Service shop/s")]
    for name in ("http", "tcp-web"):
        assert said(port_names, port(f"name: {name}, port: 80", extra)) == []


def test_services_of_one_deployment_agree_on_ports() -> None:
    origin = "Deployment shop/d"
    other = FRUIT.replace("name: fruit,", "name: other,")
    assert said(shared_deployments, MESHED, DEPLOYMENT, FRUIT, other) == []
    udp = other.replace("port: 80", "port: 80, targetPort: 9, protocol: UDP")
    assert said(shared_deployments, MESHED, DEPLOYMENT, FRUIT, udp) == [("IST0116", origin)]
    shifted = other.replace("port: 80", "port: 90, targetPort: 80")
    assert said(shared_deployments, MESHED, DEPLOYMENT, FRUIT, shifted) == [("IST0137", origin)]
    assert said(shared_deployments, DEPLOYMENT, FRUIT, shifted) == []  # not in the mesh


def test_a_service_is_the_same_in_every_cluster() -> None:
    (one,), (other,) = items(FRUIT), items(FRUIT.replace("port: 80", "port: 81"))
    same = store([replace(one, cluster="a"), replace(one, cluster="b")], {})
    assert list(over_clusters(same)) == []
    found = list(over_clusters(store([replace(one, cluster="a"), replace(other, cluster="b")], {})))
    assert [(each.code, each.item.cluster) for each in found] == [("IST0170", "a")]
    assert "ports" in found[0].text
