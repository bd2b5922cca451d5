"""What people write about injected containers themselves, and pods that were injected before.

Comes in: pods as data. Goes out: new pods. What people wrote is kept in the annotation `proxy.istio.io/overrides`, so
that a second injection still knows it. Source: injection behaviour 2.4, steps 5, 9 and 10.
"""

import copy
import json
from typing import Any, Final

from webhook.injection import containers, normal_form, prometheus, strategic_merge
from webhook.injection.errors import InjectionError

Json = dict[str, Any]

STATUS: Final = "sidecar.istio.io/status"
OVERRIDES: Final = "proxy.istio.io/overrides"
AUTO: Final = "auto"
_LISTS: Final = ("containers", "initContainers")


def _annotations(pod: Json) -> Json:
    found: Json = (pod.get("metadata") or {}).get("annotations") or {}
    return found


def _parse(pod: Json, name: str) -> Json:
    text = _annotations(pod).get(name)
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InjectionError(f"annotation {name}: {error}") from error
    return found if isinstance(found, dict) else {}


def was_injected(pod: Json) -> bool:
    """Whether the pod has been injected before."""
    return STATUS in _annotations(pod)


def injected_names(pod: Json) -> dict[str, list[str]]:
    """What an injection before this one added, by list."""
    try:
        status = _parse(pod, STATUS)
    except InjectionError:
        return {}
    return {key: [each for each in status.get(key) or [] if isinstance(each, str)] for key in _LISTS}


def strip(pod: Json, status_port: int) -> Json:
    """The pod as it was before it was injected, with what its author wrote about injected containers."""
    stripped = copy.deepcopy(pod)
    if was_injected(pod):
        names = injected_names(pod)
        for key in _LISTS:
            there = stripped["spec"].get(key)
            if there:
                stripped["spec"][key] = [each for each in there if each.get("name") not in names.get(key, ())]
        annotations = stripped["metadata"]["annotations"]
        if prometheus.points_at(annotations, status_port):
            prometheus.clear(annotations)
        del annotations[STATUS]
    saved = _parse(stripped, OVERRIDES)
    for key in _LISTS:
        for container in saved.get(key) or []:
            if not containers.find(stripped["spec"].get(key), container.get("name", "")):
                stripped["spec"][key] = [*(stripped["spec"].get(key) or []), container]
    return stripped


def reapply(merged: Json, original: Json, template_pod: Json) -> Json:
    """Lays what the author wrote over the containers that templates made; notes it in the annotation."""
    injected, saved = injected_names(original), _parse(original, OVERRIDES)
    spec = original.get("spec") or {}
    kept: dict[str, list[Json]] = {}
    for key in _LISTS:
        for container in (template_pod.get("spec") or {}).get(key) or []:
            name = container.get("name", "")
            if name in injected.get(key, ()):
                continue
            written = containers.find(saved.get(key), name) or containers.find(spec.get(key), name)
            if written is None and key == "initContainers":
                written = containers.find(spec.get("containers"), name)
            if written is None:
                continue
            written = {field: each for field, each in written.items() if (field, each) != ("image", AUTO)}
            kept.setdefault(key, []).append(written)
            merged = strategic_merge.merge(merged, {"spec": {key: [written]}}, "Pod")
    if kept and not was_injected(original):
        annotations = merged["metadata"].setdefault("annotations", {})
        annotations[OVERRIDES] = json.dumps(
            normal_form.normalize(kept, "ContainerOverrides"), separators=(",", ":"), ensure_ascii=False
        )
    return merged


def adjust_initial_user(pod: Json, original: Json, mode: str) -> None:
    """Where the author gave the proxy a user of its own, the containers that set up its traffic have to know."""
    written = containers.find_proxy(original)
    context = (written or {}).get("securityContext") or {}
    ids = {key: context[key] for key in ("runAsUser", "runAsGroup") if context.get(key) is not None}
    if not ids:
        return
    if mode == "TPROXY":
        proxy = containers.find_proxy(pod)
        if proxy is not None:
            proxy.setdefault("securityContext", {})["runAsUser"] = 0
        return
    for container in pod["spec"].get("initContainers") or []:
        if container.get("name") == containers.VALIDATION:
            container.setdefault("securityContext", {}).update(ids)
        if container.get("name") in (containers.INIT, containers.VALIDATION) and ids.get("runAsUser"):
            arguments = list(container.get("args") or [])
            for place, argument in enumerate(arguments[:-1]):
                if argument == "-u":
                    arguments[place + 1] = str(ids["runAsUser"])
            container["args"] = arguments


def clear_assigned_user(pod: Json) -> None:
    """On OpenShift: forgets the user that is written at the proxy, if other containers were assigned the same."""
    proxy = containers.find_proxy(pod)
    user = ((proxy or {}).get("securityContext") or {}).get("runAsUser")
    if proxy is None or user is None:
        return
    others = [(each.get("securityContext") or {}).get("runAsUser") for each in containers.applications(pod)]
    if user in others:
        proxy["securityContext"] = {k: each for k, each in proxy["securityContext"].items() if k != "runAsUser"}
