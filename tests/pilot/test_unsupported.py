"""Who asks for what is not there is told; who asks for what holds anyway is not."""

import pytest
import yaml

from pilot import unsupported
from pilot.cli import environment_help
from pilot.settings import KNOWN, Addresses, load
from tests.shared import shared_path


def test_what_is_asked_for_in_vain_is_a_warning_at_the_start() -> None:
    environ = {"PILOT_ENABLE_ANALYSIS": "1", "PILOT_XDS_CACHE_SIZE": "5", "MCS_API_VERSION": "v1beta1"}
    (first, second) = load({}, environ).warnings
    assert first.startswith("environment variable MCS_API_VERSION: expected v1alpha1, got 'v1beta1'")
    assert second.startswith("environment variable PILOT_ENABLE_ANALYSIS: expected false, got '1', which has no effect")


def test_what_holds_anyway_is_not() -> None:
    assert list(unsupported.warnings({name: only for name, (only, _) in unsupported.ONLY.items()})) == []
    assert list(unsupported.warnings({"PILOT_ENABLE_ANALYSIS": "F", "RESOLVE_HOSTNAME_GATEWAYS": "T"})) == []


@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        ("PILOT_ENABLE_AMBIANT", True),
        ("CITADEL_TTL", True),
        *((name, False) for name in ("PILOT_ENABLE_AMBIENT", "PILOT_PORT", "PILOT_SERVICE_HOST", "HOME")),
        ("PILOT_PORT_15010_TCP_ADDR", False),
    ],
)
def test_a_name_that_is_nobodys_is_told(name: str, is_told: bool) -> None:
    assert any(name in each for each in load({}, {name: "true"}).warnings) == is_told


def test_known_are_those_that_are_honoured() -> None:
    assert {name for name, _, _ in environment_help.rows()} >= KNOWN


@pytest.mark.shared
@pytest.mark.parametrize("profile", ["default", "ambient"])
def test_every_variable_and_port_of_the_charts_is_known(profile: str) -> None:
    text = shared_path("data", "install", f"istio-1.29.1-{profile}.yaml").read_text()
    documents = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
    (container,) = next(
        each["spec"]["template"]["spec"]["containers"]
        for each in documents
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "istiod")
    )
    known = (
        {name for name, _, _ in environment_help.rows()} | unsupported.WITHOUT_EFFECT.keys() | unsupported.ONLY.keys()
    )
    assert {each["name"] for each in container["env"]} - known == {"GOMAXPROCS"}  # of Go's runtime
    addresses = Addresses()
    ours = {addresses.http, addresses.https, addresses.grpc, addresses.secure_grpc, addresses.monitoring}
    assert {f":{each['containerPort']}" for each in container["ports"]} == ours
