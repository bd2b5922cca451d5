"""After a change of endpoints a view is renewed, not built again, and is the view that would be built."""

import pytest

from pilot.model.snapshot import Snapshot
from pilot.pipeline import Moment
from pilot.type_urls import CLUSTER, ENDPOINT
from pilot.view import build, renewal
from pilot.view.proxy import Proxy
from pilot.view.proxy_view import ProxyView
from tests.pilot.model.meshes import objects, put
from tests.test_incremental import proxy

SERVED = """
kind: Service
metadata: {name: web, namespace: a}
spec: {clusterIP: 10.1.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}
"""
HEADLESS = """
kind: Service
metadata: {name: db, namespace: a}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
"""
WRITTEN = """
kind: Service
metadata: {name: outside, namespace: a}
spec: {clusterIP: 10.1.0.3, ports: [{name: http, port: 80}]}
"""
LISTING = """
kind: ServiceEntry
metadata: {name: entry, namespace: a}
spec:
  hosts: [entry.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.7}]
"""
ROUTE = """
kind: VirtualService
metadata: {name: v, namespace: a}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
"""
WHO = proxy("sidecar", "10.0.0.7", "p", "a", app="x")


def slices(*addresses: str) -> str:
    rows = "".join(f"- {{addresses: [{each}]}}\n" for each in addresses)
    labels = "labels: {kubernetes.io/service-name: web}"
    return (
        f"kind: EndpointSlice\nmetadata: {{name: web-1, namespace: a, {labels}}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: 80}}]\nendpoints:\n{rows}"
    )


def mesh(*texts: str) -> Snapshot:
    snapshot = Snapshot.empty()
    for text in (SERVED, slices("10.0.0.1"), *texts):
        snapshot, _ = snapshot.apply(put(objects(text)))
    return snapshot


def edited(snapshot: Snapshot, text: str) -> Snapshot:
    return snapshot.apply(put(objects(text)))[0]


def parts(view: ProxyView) -> dict[str, object]:
    return {name: getattr(view, name) for name in view.__slots__}


def test_a_renewed_view_is_the_one_that_would_be_built() -> None:
    before = mesh()
    now = edited(before, slices("10.0.0.1", "10.0.0.2"))

    assert renewal.differ_in_endpoints_only(before, now)
    renewed = renewal.renew(build.build(before, WHO), now)
    assert renewed is not None
    built = build.build(now, WHO)
    assert all(part is getattr(renewed, name) for name, part in parts(built).items())
    assert renewed.endpoints is now.endpoints is not before.endpoints


def test_a_change_of_anything_else_is_no_change_of_endpoints_only() -> None:
    before = mesh()

    assert not renewal.differ_in_endpoints_only(before, edited(before, ROUTE))
    assert not renewal.differ_in_endpoints_only(before, edited(before, SERVED.replace("80", "81")))


@pytest.mark.parametrize("deciding", [WRITTEN, LISTING])
def test_endpoints_that_decide_what_a_workload_serves_are_looked_at(deciding: str) -> None:
    before = mesh(deciding)

    assert not renewal.differ_in_endpoints_only(before, edited(before, slices("10.0.0.7")))


def test_a_view_with_headless_services_has_to_be_built() -> None:
    before = mesh(HEADLESS)
    now = edited(before, slices("10.0.0.9"))

    assert renewal.differ_in_endpoints_only(before, now)
    assert renewal.renew(build.build(before, WHO), now) is None


def test_with_many_clusters_a_change_of_endpoints_in_one_renews_views(monkeypatch: pytest.MonkeyPatch) -> None:
    several = mesh()
    for number in range(12):
        several, _ = several.apply_remote(f"c{number}", put(objects(SERVED) + objects(slices(f"10.9.0.{number}"))))
    built: list[object] = []
    original = build.build

    def counted(snapshot: Snapshot, who: Proxy) -> ProxyView:
        built.append(who)
        return original(snapshot, who)

    monkeypatch.setattr(build, "build", counted)
    moment = Moment(several)
    assert moment.resources_for(WHO, CLUSTER, None) is not None
    for address in ("10.9.1.1", "10.9.1.2"):
        several, _ = several.apply_remote("c7", put(objects(slices(address))))
        moment = Moment(several, moment)
        found = moment.resources_for(WHO, ENDPOINT, NAMES)
        assert found is not None
        assert address.encode() in b"".join(each.body for each in found.resources.values())
    several, _ = several.apply(put(objects(slices("10.0.0.5"))))
    Moment(several, moment).resources_for(WHO, ENDPOINT, NAMES)
    assert len(built) == 1


NAMES = frozenset({"outbound|80||web.a.svc.cluster.local"})


def test_another_cluster_or_a_secret_of_one_is_more_than_endpoints() -> None:
    several, _ = mesh().apply_remote("east", put(objects(SERVED) + objects(slices("10.9.0.1"))))
    assert not renewal.differ_in_endpoints_only(several, several.apply_remote("west", put(objects(SERVED)))[0])
    assert not renewal.differ_in_endpoints_only(several, several.without_remote("east")[0])
    secret = "kind: Secret\nmetadata: {name: s, namespace: a}\ndata: {tls.crt: YQ==, tls.key: YQ==}\n"
    assert not renewal.differ_in_endpoints_only(several, several.apply_remote("east", put(objects(secret)))[0])
    moved, _ = several.apply_remote("east", put(objects(slices("10.9.0.2"))))
    assert renewal.differ_in_endpoints_only(several, moved)
