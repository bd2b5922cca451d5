from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from pilot.generators.endpoints.assignment import Target
from pilot.generators.endpoints.client import place_of
from pilot.generators.endpoints.targets import Reached, find_targets
from pilot.memo import finish
from pilot.model.destination_rule import Subset
from pilot.model.service import Hostname, PortProtocol, Resolution, Service, ServicePort
from pilot.model.traffic_policy import (
    ClientTLSMode,
    ClientTLSSettings,
    OutlierDetection,
    PortTrafficPolicy,
    TrafficPolicy,
)
from pilot.model.virtual_service import PortSelector
from pilot.view.scope import Scope
from tests.pilot.generators.samples import (
    FEATURES,
    HTTP,
    MESH,
    TCP,
    client,
    entry,
    rule,
    scope,
    service,
    view,
    workload,
)

REVIEWS = service("reviews", HTTP, TCP)
HOST = REVIEWS.hostname
CLIENT = client()
HERE, THERE = workload(locality="r1"), workload(locality="r2")
PLAIN_SCOPE = scope(REVIEWS, entry())


def found(
    name: str, within: Scope = PLAIN_SCOPE, at: Any = HERE, through: Mapping[Hostname, Service] = MappingProxyType({})
) -> Target | None:
    place = place_of(view(within, workload=at))
    reached = Reached(within.by_host, within.rules, through, {})
    return finish(find_targets([name], reached, CLIENT, place, MESH, FEATURES))[0]


def tls(mode: ClientTLSMode) -> ClientTLSSettings:
    return ClientTLSSettings(mode=mode)


@pytest.mark.parametrize(
    "name",
    [
        "BlackHoleCluster",
        "inbound|8080||",
        f"outbound|81||{HOST}",
        "outbound|80||unknown.default.svc.cluster.local",
        "outbound|80||api.example.com",
    ],
)
def test_some_names_mean_nothing_over_eds(name: str) -> None:
    assert found(name) is None


def test_a_name_means_a_port_of_a_service() -> None:
    made = found(f"outbound|9000||{HOST}")

    assert made is not None
    assert (made.service, made.port, made.mtls, made.encrypted_only) == (REVIEWS, TCP, None, False)
    assert made.origins == (REVIEWS.origin,)


def test_a_headless_service_has_endpoints_too() -> None:
    headless = service(resolution=Resolution.PASSTHROUGH)

    assert found(f"outbound|80||{HOST}", scope(headless)) is not None


def test_the_form_for_sni_means_encrypted_bytes_only() -> None:
    made = found(f"outbound_.80_._.{HOST}")

    assert made is not None
    assert made.encrypted_only


def test_a_subset_has_its_labels_and_a_rule_is_an_origin() -> None:
    by = rule(None, Subset(name="v1", labels={"version": "v1"}))
    made = found(f"outbound|80|v1|{HOST}", scope(REVIEWS, rules=[(REVIEWS, by)]))

    assert made is not None
    assert made.labels == {"version": "v1"}
    assert made.origins == (REVIEWS.origin, by.origin)


def test_a_rule_says_whether_there_is_mutual_tls() -> None:
    on, off = tls(ClientTLSMode.ISTIO_MUTUAL), tls(ClientTLSMode.SIMPLE)
    by_port = PortTrafficPolicy(port=PortSelector(number=80), tls=on)
    by = rule(
        TrafficPolicy(tls=off, port_level_settings=(by_port,)),
        Subset(name="silent", traffic_policy=TrafficPolicy()),
        Subset(name="on", traffic_policy=TrafficPolicy(tls=on)),
    )
    within = scope(REVIEWS, rules=[(REVIEWS, by)])

    def said(name: str) -> bool | None:
        made = found(name, within)
        assert made is not None
        return made.mtls

    assert said(f"outbound|80||{HOST}") is True
    assert said(f"outbound|9000||{HOST}") is False
    assert said(f"outbound|9000|silent|{HOST}") is None
    assert said(f"outbound|9000|on|{HOST}") is True


def test_clients_of_two_places_share_a_target_unless_the_place_matters() -> None:
    name = f"outbound|80||{HOST}"
    failing_over = rule(TrafficPolicy(outlier_detection=OutlierDetection()))
    near = scope(REVIEWS, rules=[(REVIEWS, failing_over)])

    assert found(name, at=HERE) is found(name, at=THERE)
    assert found(name, near, at=HERE) is not found(name, near, at=THERE)


def test_a_service_behind_a_waypoint_is_asked_for_there() -> None:
    waypoint = service("waypoint", ServicePort("mesh", 15008, PortProtocol.TCP))
    dialled = replace(REVIEWS, address="10.0.0.1")
    made = found(f"outbound|80||{HOST}", scope(dialled), through={HOST: waypoint})

    assert made is not None
    assert (made.service, made.port.number, made.via) == (waypoint, 15008, "10.0.0.1:80")


def test_a_service_without_an_address_is_reached_past_its_waypoint() -> None:
    waypoint = service("waypoint", ServicePort("mesh", 15008, PortProtocol.TCP))
    headless = replace(REVIEWS, address="0.0.0.0", resolution=Resolution.PASSTHROUGH)
    assert (made := found(f"outbound|80||{HOST}", scope(headless), through={HOST: waypoint})) is not None
    assert made.via == ""
