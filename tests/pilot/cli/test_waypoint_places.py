from pathlib import Path

import pytest
import yaml

from pilot.cli.waypoint import build_waypoint
from pilot.cli.waypoint_places import Directory, PlaceError

BOTH = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {a: b}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint}
"""


async def test_a_waypoint_has_a_file_of_its_own(tmp_path: Path) -> None:
    place, made = Directory(tmp_path), build_waypoint("w", "shop", "", "")
    await place.apply(made)

    assert yaml.safe_load((tmp_path / "waypoint-shop-w.yaml").read_text()) == made
    assert await place.gateways("shop") == [made]
    assert await place.gateways("other") == []


async def test_a_file_with_other_objects_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(BOTH)
    place = Directory(tmp_path)

    with pytest.raises(PlaceError, match="by hand"):
        await place.apply(build_waypoint("waypoint", "shop", "all", ""))
    with pytest.raises(PlaceError, match="by hand"):
        await place.delete("shop", "waypoint")
    with pytest.raises(PlaceError, match="by hand"):
        await place.label("shop", {"c": "d"})
    assert (tmp_path / "all.yaml").read_text() == BOTH


async def test_labels_of_a_namespace_are_added(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    await place.label("shop", {"a": "b"})
    await place.label("shop", {"c": "d"})

    assert await place.labels_of("shop") == {"a": "b", "c": "d"}


async def test_what_is_no_yaml_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("{")

    assert await Directory(tmp_path).gateways("") == []
