"""What people write about injected containers, and second injections."""

import json
from typing import Any

import pytest

from webhook.injection import overrides
from webhook.injection.errors import InjectionError

STATUS = json.dumps({"initContainers": ["istio-init"], "containers": ["istio-proxy"]})


def pod(
    *containers: dict[str, Any], initial: list[dict[str, Any]] | None = None, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": list(containers)}
    if initial is not None:
        spec["initContainers"] = initial
    return {"metadata": {"annotations": annotations or {}}, "spec": spec}


MADE = pod({"name": "istio-proxy", "image": "i"}, initial=[{"name": "istio-init", "args": ["-u", "1337"]}])


def test_what_is_written_wins_and_is_kept() -> None:
    original = pod({"name": "a"}, {"name": "istio-proxy", "image": "auto", "tty": True})
    merged = overrides.reapply(pod({"name": "a"}, {"name": "istio-proxy", "image": "i"}), original, MADE)
    assert merged["spec"]["containers"][-1] == {"name": "istio-proxy", "image": "i", "tty": True}
    kept = json.loads(merged["metadata"]["annotations"][overrides.OVERRIDES])
    assert kept == {"containers": [{"name": "istio-proxy", "resources": {}, "tty": True}]}


def test_nothing_written_nothing_kept() -> None:
    merged = overrides.reapply(pod({"name": "istio-proxy"}), pod({"name": "a"}), MADE)
    assert merged["metadata"]["annotations"] == {}


def test_a_pod_is_stripped_of_a_first_injection() -> None:
    saved = json.dumps({"containers": [{"name": "istio-proxy", "tty": True}]})
    injected = pod(
        {"name": "a"},
        {"name": "istio-proxy"},
        initial=[{"name": "istio-init"}, {"name": "mine"}],
        annotations={
            overrides.STATUS: STATUS,
            overrides.OVERRIDES: saved,
            "prometheus.io/port": "15020",
            "prometheus.io/path": "/p",
        },
    )
    before = json.dumps(injected)
    stripped = overrides.strip(injected, 15020)
    assert [each["name"] for each in stripped["spec"]["containers"]] == ["a", "istio-proxy"]
    assert stripped["spec"]["containers"][1] == {"name": "istio-proxy", "tty": True}
    assert stripped["spec"]["initContainers"] == [{"name": "mine"}]
    assert stripped["metadata"]["annotations"].keys() == {overrides.OVERRIDES}
    assert json.dumps(injected) == before
    assert overrides.was_injected(injected)


def test_unreadable_annotations_are_told_or_ignored() -> None:
    assert overrides.injected_names(pod(annotations={overrides.STATUS: "{"})) == {}
    with pytest.raises(InjectionError, match="overrides"):
        overrides.strip(pod(annotations={overrides.OVERRIDES: "{"}), 15020)


@pytest.mark.parametrize(("mode", "user", "argument"), [("REDIRECT", 5, "5"), ("TPROXY", 0, "1337")])
def test_a_user_of_ones_own_is_told_to_the_setup(mode: str, user: int, argument: str) -> None:
    context = {"runAsUser": 5, "runAsGroup": 6}
    original = pod({"name": "istio-proxy", "securityContext": context})
    found = pod(
        {"name": "istio-proxy", "securityContext": dict(context)},
        initial=[{"name": "istio-validation", "args": ["-u", "1337"]}],
    )
    overrides.adjust_initial_user(found, original, mode)
    [validation] = found["spec"]["initContainers"]
    assert validation["args"] == ["-u", argument]
    assert validation.get("securityContext") == (context if mode == "REDIRECT" else None)
    assert found["spec"]["containers"][0]["securityContext"]["runAsUser"] == user


def test_an_assigned_user_is_forgotten() -> None:
    found = pod(
        {"name": "a", "securityContext": {"runAsUser": 7}},
        {"name": "istio-proxy", "securityContext": {"runAsUser": 7, "runAsGroup": 1}},
    )
    overrides.clear_assigned_user(found)
    assert found["spec"]["containers"][1]["securityContext"] == {"runAsGroup": 1}
    alone = pod({"name": "istio-proxy", "securityContext": {"runAsUser": 7}})
    overrides.clear_assigned_user(alone)
    assert alone["spec"]["containers"][0]["securityContext"] == {"runAsUser": 7}
