"""Destinations that lead nowhere are told, those that lead somewhere are not."""

import pytest

from pilot.generators import destination_problems
from pilot.model.problem import Problem, Severity
from tests.pilot.model import meshes

SERVICES = """
kind: Service
metadata: {name: back, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: back}, ports: [{name: http, port: 80}, {name: more, port: 81}]}
---
kind: Service
metadata: {name: elsewhere, namespace: shop}
spec: {type: ExternalName, externalName: example.com, ports: [{name: http, port: 80}]}
---
kind: DestinationRule
metadata: {name: back, namespace: shop}
spec: {host: back, subsets: [{name: v1, labels: {version: v1}}]}
---
kind: DestinationRule
metadata: {name: mine, namespace: other}
spec: {host: back.shop.svc.cluster.local, exportTo: ["."], subsets: [{name: v9, labels: {version: v9}}]}
"""


def found(spec: str, namespace: str = "shop") -> list[Problem]:
    text = f"{SERVICES}---\nkind: VirtualService\nmetadata: {{name: it, namespace: {namespace}}}\nspec: {spec}\n"
    mesh = meshes.mesh_of(text)
    return list(destination_problems.find(mesh.virtual_services, mesh.rules, mesh.services))


def http(destination: str) -> str:
    return f"{{hosts: [back], http: [{{route: [{{destination: {destination}}}]}}]}}"


@pytest.mark.parametrize(
    "destination",
    [
        "{host: back}",
        "{host: back, subset: v1}",
        "{host: back, port: {number: 81}}",
        "{host: elsewhere, port: {number: 99}}",
    ],
)
def test_what_is_there_is_no_problem(destination: str) -> None:
    assert found(http(destination)) == []


@pytest.mark.parametrize(
    ("destination", "field", "words"),
    [
        ("{host: nobody}", "host", "expected a service of the mesh, got 'nobody.shop.svc.cluster.local'"),
        ("{host: back, subset: v2}", "subset", "expected a subset of back.shop.svc.cluster.local (v1), got 'v2'"),
        ("{host: back, port: {number: 82}}", "port.number", "(80, 81), got 82"),
    ],
)
def test_a_destination_that_leads_nowhere_is_an_error_at_its_field(destination: str, field: str, words: str) -> None:
    (problem,) = found(http(destination))
    assert problem.field == f"spec.http[0].route[0].destination.{field}"
    assert problem.severity is Severity.ERROR
    assert str(problem.key) == "VirtualService shop/it"
    assert words in problem.message


def test_a_subset_counts_if_the_namespace_of_the_virtual_service_sees_it() -> None:
    spec = "{hosts: [x.com], http: [{route: [{destination: {host: back.shop.svc.cluster.local, subset: v9}}]}]}"
    assert found(spec, "other") == []
    assert len(found(spec, "third")) == 1


def test_subsets_for_the_namespace_of_a_gateway_count() -> None:
    destination = "{host: back.shop.svc.cluster.local, subset: v9}"
    spec = f"{{hosts: [x.com], gateways: [other/web], http: [{{route: [{{destination: {destination}}}]}}]}}"
    assert found(spec, "third") == []


def test_mirrors_that_lead_nowhere_are_a_warning() -> None:
    route = "route: [{destination: {host: back}}]"
    first, second = found(
        f"{{hosts: [back], http: [{{{route}, mirror: {{host: a}}, mirrors: [{{destination: {{host: b}}}}]}}]}}"
    )
    assert [first.field, second.field] == ["spec.http[0].mirror.host", "spec.http[0].mirrors[0].destination.host"]
    assert {first.severity, second.severity} == {Severity.WARNING}


def test_tcp_and_tls_routes_are_looked_at() -> None:
    spec = (
        "{hosts: [back], tcp: [{route: [{destination: {host: a}}]}], "
        "tls: [{match: [{sniHosts: [back]}], route: [{destination: {host: b}}]}]}"
    )
    assert [each.field for each in found(spec)] == [
        "spec.tcp[0].route[0].destination.host",
        "spec.tls[0].route[0].destination.host",
    ]


def test_where_nothing_is_forwarded_a_destination_does_not_matter() -> None:
    assert found("{hosts: [back], http: [{redirect: {uri: /}, route: [{destination: {host: a}}]}]}") == []
