"""Whether a pod is injected: the part of the decision that is not the API server's.

Comes in: a pod, its namespace, the injector's configuration. Goes out: why not, or nothing.
Source: injection behaviour 2.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.injection import selectors
from webhook.injection.configuration import InjectorConfig

INJECT: Final = "sidecar.istio.io/inject"
SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


@dataclass(frozen=True, slots=True)
class Decision:
    """`refusal` says why a pod is not injected, "" if it is."""

    refusal: str = ""
    warnings: tuple[str, ...] = ()


def decide(pod: Mapping[str, Any], namespace: str, config: InjectorConfig) -> Decision:
    """Whether to inject a pod that is to be created in a namespace."""
    if (pod.get("spec") or {}).get("hostNetwork"):
        return Decision("it uses the host's network")
    if namespace in SYSTEM_NAMESPACES:
        return Decision(f"namespace {namespace} belongs to the cluster")
    metadata = pod.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    wish = labels.get(INJECT, annotations.get(INJECT, ""))
    warnings: tuple[str, ...] = ()
    if wish not in ("", "true", "false"):
        warnings = (f"{INJECT}: expected true or false, got {wish!r}: the default applies",)
    asked: bool | None = {"true": True, "false": False}.get(wish)
    if asked is None:
        asked = _by_selectors(labels, config)
    return Decision(_refusal(asked, config.policy), warnings)


def _by_selectors(labels: Mapping[str, str], config: InjectorConfig) -> bool | None:
    if _any_selects(config.never_inject_selector, labels):
        return False
    return True if _any_selects(config.always_inject_selector, labels) else None


def _any_selects(candidates: tuple[Mapping[str, Any], ...], labels: Mapping[str, str]) -> bool:
    return any(not selectors.is_empty(each) and selectors.matches(each, labels) for each in candidates)


def _refusal(asked: bool | None, policy: str) -> str:
    if policy not in ("enabled", "disabled"):
        return f"policy {policy!r} is neither enabled nor disabled"
    if asked is False:
        return f"{INJECT} or a selector says no"
    if asked is None and policy == "disabled":
        return "the policy is disabled, and nothing asks for a proxy"
    return ""
