"""Destinations of routes and their weights."""

import pytest

from pilot.model.virtual_service import VirtualService
from tests.pilot.validation.samples import refused


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ('{hosts: [a], http: [{route: [{destination: {host: "*"}}]}]}', "spec.http[0].route[0].destination.host"),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a, subset: v_1}}]}]}",
            "spec.http[0].route[0].destination.subset",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a, port: {}}}]}]}",
            "spec.http[0].route[0].destination.port.number",
        ),
        ("{hosts: [a], tcp: [{route: [{destination: {host: a}, weight: -1}]}]}", "spec.tcp[0].route[0].weight"),
        ("{hosts: [a], tcp: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}", "spec.tcp[0].route"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == [field]
