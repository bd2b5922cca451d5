"""Containers of a pod: finding them, and the order in which they start.

Comes in: a pod as data, which may be changed. Goes out: nothing but that. Source: injection behaviour 2.12.
"""

from collections.abc import Iterator
from typing import Any, Final

PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"
VALIDATION: Final = "istio-validation"
CORE_DUMP: Final = "enable-core-dump"

Json = dict[str, Any]


def find(containers: list[Json] | None, name: str) -> Json | None:
    """The container of that name."""
    return next((each for each in containers or [] if each.get("name") == name), None)


def find_proxy(pod: Json) -> Json | None:
    """The proxy, among the containers or as a native sidecar."""
    spec = pod.get("spec") or {}
    return find(spec.get("containers"), PROXY) or find(spec.get("initContainers"), PROXY)


def applications(pod: Json) -> Iterator[Json]:
    """All containers but the proxy, initial ones too."""
    spec = pod["spec"]
    for container in (*(spec.get("containers") or []), *(spec.get("initContainers") or [])):
        if container.get("name") != PROXY:
            yield container


def _move(containers: list[Json] | None, name: str, *, first: bool) -> list[Json]:
    moved = [each for each in containers or [] if each.get("name") == name]
    others = [each for each in containers or [] if each.get("name") != name]
    return moved + others if first else others + moved


def order(pod: Json, *, hold: bool) -> None:
    """Puts containers in order; with `hold` the proxy starts before the application."""
    spec = pod["spec"]
    spec["containers"] = _move(spec.get("containers"), PROXY, first=hold)
    initial = spec.get("initContainers")
    if not initial:
        return
    if find(initial, PROXY):
        for name in (CORE_DUMP, PROXY, VALIDATION, INIT):
            initial = _move(initial, name, first=True)
    else:
        initial = _move(initial, VALIDATION, first=True)
        initial = _move(initial, INIT, first=False)
        initial = _move(initial, CORE_DUMP, first=False)
    spec["initContainers"] = initial


def move_proxy_to_initial(pod: Json) -> Json:
    """The pod with a proxy that its author wrote among the containers moved to where native sidecars stand."""
    spec = pod.get("spec") or {}
    proxy = find(spec.get("containers"), PROXY)
    if proxy is None:
        return pod
    remaining = [each for each in spec["containers"] if each is not proxy]
    initial = [*(spec.get("initContainers") or []), proxy]
    return {**pod, "spec": {**spec, "containers": remaining, "initContainers": initial}}


def set_environment(container: Json, variables: dict[str, str]) -> None:
    """Sets variables; they stand at the end, by name."""
    kept = [each for each in container.get("env") or [] if each.get("name") not in variables]
    container["env"] = [*kept, *({"name": name, "value": value} for name, value in sorted(variables.items()))]
