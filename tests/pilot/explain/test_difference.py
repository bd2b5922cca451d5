from pilot.explain.difference import differ
from pilot.memo import finish
from pilot.type_urls import CLUSTER, ENDPOINT, ROUTE
from tests.pilot.explain.worlds import proxy, snapshot

TIMEOUT = """
kind: VirtualService
metadata: {name: web, namespace: app}
spec: {hosts: [web], http: [{timeout: 3s, route: [{destination: {host: web}}]}]}
"""
MORE = """
kind: Service
metadata: {name: more, namespace: app}
spec: {clusterIP: 10.96.0.3, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


def test_classes_are_told_what_differs_for_them() -> None:
    before, after = snapshot(), snapshot(TIMEOUT)
    who = proxy(before)
    (only,) = finish(differ(before, after, [("a", who), ("a", who), ("b", proxy(before, "edge"))]))
    assert (only.proxy, only.count) == (who, 2)
    (change,) = only.types
    assert (change.type_url, [each.name for each in change.changed]) == (ROUTE, ["80"])
    assert only.size == 2 * change.size
    assert only.as_data()["types"]["RDS"]["changed"] == ["80"]


def test_what_is_new_and_gone() -> None:
    few, many = snapshot(), snapshot(MORE)
    name = "outbound|80||more.app.svc.cluster.local"
    (came,) = finish(differ(few, many, [("a", proxy(few))]))
    assert {each.type_url: [one.name for one in each.added] for each in came.types}[CLUSTER] == [name]
    (went,) = finish(differ(many, few, [("a", proxy(few))]))
    assert {each.type_url: each.removed for each in went.types}[ENDPOINT] == (name,)
    assert finish(differ(few, few, [("a", proxy(few))])) == []
