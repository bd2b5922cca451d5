"""Metrics of applications are scraped by way of the agent, which merges them with the proxy's.

Comes in: an injected pod. Goes out: the same pod, annotated for the agent's port, with what was annotated before in the
agent's environment. Source: injection behaviour 2.10.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from webhook.injection import containers
from webhook.injection.annotations import parse_truth

Json = dict[str, Any]

ENVIRONMENT: Final = "ISTIO_PROMETHEUS_ANNOTATIONS"
PATH: Final = "/stats/prometheus"
_KEYS: Final = ("scrape", "path", "port")


def _plain(name: str) -> str:
    """`prometheus.io/port` and `prometheus-io/port` are the same."""
    return re.sub(r"[^a-zA-Z0-9]", "_", name)


def _find(annotations: Mapping[str, str], key: str) -> str | None:
    return next((value for name, value in annotations.items() if _plain(name) == f"prometheus_io_{key}"), None)


def clear(annotations: Json) -> None:
    """Removes Prometheus' annotations however they are spelt."""
    wanted = {f"prometheus_io_{key}" for key in _KEYS}
    for name in [name for name in annotations if _plain(name) in wanted]:
        del annotations[name]


def points_at(annotations: Mapping[str, str], port: int) -> bool:
    """Whether the annotations already name this port."""
    return _find(annotations, "port") == str(port)


def _truth(value: str, default: bool) -> bool:
    try:
        return parse_truth(value)
    except ValueError:
        return default


def merge(pod: Json, *, enabled: bool, port: int) -> None:
    """Changes the pod's annotations and the proxy's environment; `enabled` is the mesh's setting."""
    annotations = pod["metadata"].setdefault("annotations", {})
    wish = annotations.get("prometheus.istio.io/merge-metrics")
    if not (enabled if wish is None else _truth(wish, enabled)):
        return
    scrape = _find(annotations, "scrape")
    if scrape is not None and not _truth(scrape, True):
        return
    if points_at(annotations, port):
        return
    original = {key: _find(annotations, key) or "" for key in _KEYS}
    clear(annotations)
    proxy = containers.find_proxy(pod)
    if proxy is not None and any(original.values()):
        text = json.dumps(original, separators=(",", ":"), ensure_ascii=False)
        proxy["env"] = [*(proxy.get("env") or []), {"name": ENVIRONMENT, "value": text}]
    annotations |= {"prometheus.io/port": str(port), "prometheus.io/path": PATH, "prometheus.io/scrape": "true"}
