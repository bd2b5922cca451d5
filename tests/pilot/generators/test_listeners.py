from typing import Any

from pilot.generators import listeners
from pilot.model.objects import Event
from pilot.resources import EMPTY
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.pilot.generators.worlds import DATABASE, REVIEWS, listeners_of, sidecar, view

HEADLESS = """
---
apiVersion: v1
kind: Service
metadata: {name: mongo, namespace: default}
spec: {clusterIP: None, selector: {app: mongo}, ports: [{name: tcp, port: 27017}]}
"""


def slices(*addresses: str, service: str = "mongo", ready: bool = True) -> str:
    listed = "\n".join(f"- {{addresses: [{each}], conditions: {{ready: {str(ready).lower()}}}}}" for each in addresses)
    return f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {service}-1, namespace: default, labels: {{kubernetes.io/service-name: {service}}}}}
addressType: IPv4
ports: [{{name: tcp, port: 27017, protocol: TCP}}]
endpoints:
{listed}
"""


def names(objects: str, proxy: dict[str, Any] | None = None) -> set[str]:
    return {name for name in listeners_of(view(objects, proxy)) if "27017" in name}


def test_each_endpoint_of_a_headless_service_has_a_listener() -> None:
    assert names(HEADLESS + slices("10.8.0.1", "10.8.0.2")) == {"10.8.0.1_27017", "10.8.0.2_27017"}


def test_a_workload_has_no_listener_for_itself() -> None:
    assert names(HEADLESS + slices("10.8.0.1", "10.9.0.1"), sidecar(ip="10.9.0.1")) == {"10.8.0.1_27017"}


def test_a_headless_service_without_endpoints_costs_no_other() -> None:
    other = HEADLESS.replace("mongo", "empty")
    hosts = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: any, namespace: default}
spec:
  hosts: [any.example.com]
  ports: [{number: 99, name: "odd name", protocol: TCP}]
  resolution: NONE
"""

    assert names(HEADLESS + other + hosts + slices("10.8.0.1")) == {"10.8.0.1_27017"}


def test_what_did_not_change_is_the_same_object() -> None:
    base = recordings.snapshot_of(REVIEWS + "---" + DATABASE + HEADLESS + slices("10.8.0.1"))

    def after(text: str) -> ProxyView:
        events = [Event(each.key, each.object) for each in recordings.decode_objects(text)]
        return recordings.view_of(base.apply(events)[0], sidecar())

    first = listeners.build(recordings.view_of(base, sidecar()))

    assert listeners.build(recordings.view_of(base, sidecar())) is first
    assert listeners.build(after(slices("10.7.0.1", service="db"))) is first
    added = listeners.build(after(HEADLESS.replace("mongo", "more")))
    assert {name for name in first if added[name] is not first[name]} <= {"0.0.0.0_27017"}


def test_only_an_endpoint_that_moves_changes_listeners() -> None:
    one = listeners.build(view(HEADLESS + slices("10.8.0.1")))
    two = listeners.build(view(HEADLESS + slices("10.8.0.1", "10.8.0.2")))

    assert set(two) - set(one) == {"10.8.0.2_27017"}
    assert two["10.8.0.1_27017"].version == one["10.8.0.1_27017"].version


def test_workload_proxies_of_other_kinds_have_their_own_generators() -> None:
    waypoint = {**sidecar(), "id": "waypoint~10.9.0.1~w.default~default.svc.cluster.local"}

    assert listeners.build(view(REVIEWS, waypoint)) is EMPTY
