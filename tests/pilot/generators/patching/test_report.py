"""What is told of patches."""

from pilot.generators import clusters, listeners, routes
from pilot.generators.patching.report import Generated, PatchReport, report
from pilot.type_urls import CLUSTER, EXTENSION_CONFIG, LISTENER
from tests.pilot.generators.patching.filters_of import envoy_filter, lua, patch, view


def told(*filters: str) -> list[PatchReport]:
    seen = view(*filters)
    generated = Generated(clusters.build(seen), listeners.build(seen), routes.build(seen, frozenset({"80"})))
    return list(report(seen, generated))


def test_every_patch_says_what_it_changed() -> None:
    removed, added, silent, offered = told(
        envoy_filter(
            patch("CLUSTER", "REMOVE", cluster={"name": "BlackHoleCluster"}),
            patch("LISTENER", "ADD", {"name": "mine"}),
            patch("CLUSTER", "REMOVE", cluster={"name": "nobody"}),
            patch("EXTENSION_CONFIG", "ADD", lua("x")),
        )
    )
    assert removed.resources == ((CLUSTER, "BlackHoleCluster"),)
    assert removed.verdict == "applied 1 times in 1 resource"
    assert added.resources == ((LISTENER, "mine"),)
    assert silent.verdict == "matched nothing"
    assert offered.resources == ((EXTENSION_CONFIG, "x"),)


def test_a_patch_that_breaks_typing_says_so() -> None:
    (broken,) = told(envoy_filter(patch("CLUSTER", "ADD", {"name": [1]})))
    assert broken.applied == 0
    assert "expected a value of type envoy.config.cluster.v3.Cluster" in broken.verdict


def test_without_patches_there_is_nothing_to_tell() -> None:
    assert told() == []
