"""The mesh as ztunnels have it."""

from base64 import b64decode
from types import GeneratorType
from typing import Any

from pilot.debug import ambient
from pilot.debug.console import Later, Question
from pilot.memo import Work, finish
from pilot.mesh import Mesh
from pilot.model.snapshot import Snapshot
from tests.pilot.debug.worlds import bookinfo


def page(mesh: Mesh) -> Work[object]:
    work = ambient.entry(mesh).page(Question())
    assert isinstance(work, GeneratorType)
    return work


def test_workloads_services_and_policies() -> None:
    later = finish(page(bookinfo()))
    assert isinstance(later, Later)
    told: Any = later.make()
    details = next(each for each in told["workloads"] if each["name"] == "details-v1-a")
    assert b64decode(details["addresses"][0]) == b"172.30.0.2"
    assert any(each["hostname"].startswith("details.") for each in told["services"])
    assert told["policies"]


def test_without_ambient_there_is_nothing() -> None:
    told = finish(page(Mesh(Snapshot.empty())))
    assert told == {"workloads": [], "services": [], "policies": []}
