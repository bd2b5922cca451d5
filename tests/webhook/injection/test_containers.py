"""The order of containers."""

from typing import Any

import pytest

from webhook.injection import containers


def pod(names: list[str], initial: list[str] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": name} for name in names]}
    if initial is not None:
        spec["initContainers"] = [{"name": name} for name in initial]
    return {"spec": spec}


def names(found: dict[str, Any], key: str) -> list[str]:
    return [each["name"] for each in found["spec"].get(key, [])]


@pytest.mark.parametrize(
    ("initial", "ordered"),
    [
        (["a", "istio-init", "b"], ["a", "b", "istio-init"]),
        (["a", "istio-validation"], ["istio-validation", "a"]),
        (["enable-core-dump", "istio-init", "a"], ["a", "istio-init", "enable-core-dump"]),
        (["a", "istio-proxy", "istio-init"], ["istio-init", "istio-proxy", "a"]),
        (["a", "istio-proxy", "istio-validation"], ["istio-validation", "istio-proxy", "a"]),
    ],
)
def test_initial_containers(initial: list[str], ordered: list[str]) -> None:
    found = pod(["x"], initial)
    containers.order(found, hold=False)
    assert names(found, "initContainers") == ordered


@pytest.mark.parametrize(("hold", "ordered"), [(False, ["a", "b", "istio-proxy"]), (True, ["istio-proxy", "a", "b"])])
def test_the_proxy_is_last_unless_it_is_waited_for(hold: bool, ordered: list[str]) -> None:
    found = pod(["a", "istio-proxy", "b"])
    containers.order(found, hold=hold)
    assert names(found, "containers") == ordered


def test_a_written_proxy_moves_to_where_native_sidecars_stand() -> None:
    found = containers.move_proxy_to_initial(pod(["a", "istio-proxy"], ["i"]))
    assert (names(found, "containers"), names(found, "initContainers")) == (["a"], ["i", "istio-proxy"])
    assert containers.move_proxy_to_initial(pod(["a"])) == pod(["a"])


def test_variables_that_are_set_stand_at_the_end() -> None:
    container = {"env": [{"name": "B", "value": "0"}, {"name": "X", "value": "1"}]}
    containers.set_environment(container, {"B": "2", "A": "1"})
    assert container["env"] == [{"name": "X", "value": "1"}, {"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def test_finding() -> None:
    found = pod(["a"], ["istio-proxy"])
    assert containers.find_proxy(found) == {"name": "istio-proxy"}
    assert list(containers.applications(found)) == [{"name": "a"}]
    assert containers.find(None, "x") is None
