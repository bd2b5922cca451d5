"""Collections, in istiod's shape."""

from typing import Any

from pilot.debug import collections_page
from pilot.debug.console import Later, Question
from pilot.mesh import Mesh
from tests import recordings

OBJECTS = """
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: out, namespace: shop}
spec: {hosts: [x.test, y.test], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, data: {tls.key: c2VjcmV0}}
"""


def test_objects_and_the_services_that_are_made_of_them() -> None:
    mesh = Mesh(recordings.snapshot_of(OBJECTS))
    later = collections_page.entry(mesh).page(Question())
    assert isinstance(later, Later)
    found: Any = later.make()
    by_name = {each["name"]: each["state"] for each in found}
    assert [each["uid"] for each in found] == list(range(1, len(found) + 1))
    assert set(by_name) == {"informer[Namespace]", "informer[Service]", "informer[ServiceEntry]", "Services"}
    assert by_name["informer[Service]"]["outputs"] == {"shop/a": {}}
    assert by_name["informer[Namespace]"]["outputs"] == {"shop": {}}
    services = by_name["Services"]
    assert len(services["outputs"]) == 3
    assert len(services["inputs"]["ServiceEntry shop/out"]["outputs"]) == 2
    assert services["synced"] is False
    mesh.is_listed = True
    told: Any = later.make()
    assert told == found
