"""What is written for the next life is read as it was."""

import json

import pytest

from pilot.model.access_control import KINDS
from pilot.model.object_store import ObjectStore, apply_events
from pilot.sources.kubernetes import warm
from pilot.sources.mesh_file import decode_mesh_config, decode_mesh_networks
from tests.recordings import decode_objects
from tests.shared import shared_path

SCENARIOS = ("03-destinationrule", "07-serviceentry", "09-gateway", "10-gateway-api", "23-meshconfig")


def text_of(scenario: str, name: str) -> str:
    path = shared_path("golden", scenario) / name
    return path.read_text() if path.exists() else ""


@pytest.mark.shared
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_objects_and_settings_come_back_equal(scenario: str) -> None:
    text = text_of(scenario, "input.yaml") + "\n---\n" + text_of(scenario, "input-endpoints.yaml")
    declared = [each for each in decode_objects(text) if each.key.kind not in KINDS]
    objects, _ = apply_events(ObjectStore(), declared)
    mesh, _ = decode_mesh_config(text_of(scenario, "mesh.yaml"))
    networks, _ = decode_mesh_networks("networks: {a: {endpoints: [{fromRegistry: r}]}}")
    assert mesh is not None
    assert networks is not None
    found = warm.decode(warm.encode(objects.all(), mesh, networks))
    assert found is not None
    assert (found.mesh.mesh, found.mesh.networks) == (mesh, networks)
    back, _ = apply_events(ObjectStore(), found.events)
    assert back == objects


def test_file_that_is_not_whole_is_no_file() -> None:
    objects = [each.object for each in decode_objects(POD) if each.object is not None]
    mesh, _ = decode_mesh_config("")
    networks, _ = decode_mesh_networks("")
    assert mesh is not None
    assert networks is not None
    content = warm.encode(objects, mesh, networks)
    assert warm.decode(content) is not None
    assert warm.decode(content[:-30]) is None
    assert warm.decode(b"") is None
    assert warm.decode(b"garbage\n") is None
    header, rest = content.split(b"\n", 1)
    newer = json.dumps(json.loads(header) | {"format": 2}).encode()
    assert warm.decode(newer + b"\n" + rest) is None


POD = """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
---
apiVersion: v1
kind: Secret
metadata: {name: a, namespace: b}
data: {tls.crt: YQ==}
"""
