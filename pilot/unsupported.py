"""Variables of istiod that are not read here: why not, and what is said where somebody asks for what is not there.

In: the environment. Out: a sentence for each variable without effect; warnings for those whose value asks for
something else than what holds anyway. Source: operations 7.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pilot.environment import parse_bool

_NO_CACHE: Final = "There is no such cache: answers are shared by all proxies that see the same."
_ALWAYS: Final = "It is always so."
_LATER: Final = "Not there yet."

WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "ENABLE_LAZY_SIDECAR_EVALUATION": "Scopes of Sidecars are always computed when they are first needed.",
    "ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL": "Of istio-agent, which makes that listener.",
    "ISTIO_AGENT_ENABLE_WASM_REMOTE_LOAD_CONVERSION": "Of istio-agent, which fetches the modules.",
    "ISTIO_DELTA_XDS": "Of istio-agent; both protocols are always served.",
    "ISTIO_ENABLE_CONTROLLER_QUEUE_METRICS": "There are no such queues: changes of one object merge until taken.",
    "ISTIO_KUBE_CLIENT_CONTENT_TYPE": "JSON is what API servers are asked for.",
    "MUTEX_PROFILE_FRACTION": "Of Go's profiler.",
    "PILOT_CONVERT_SIDECAR_SCOPE_CONCURRENCY": "Scopes of Sidecars are computed when they are first needed.",
    "PILOT_ENABLE_CDS_CACHE": _NO_CACHE,
    "PILOT_ENABLE_EDS_DEBOUNCE": "Changes of endpoints alone are always pushed at once, and merge while they wait.",
    "PILOT_ENABLE_RDS_CACHE": _NO_CACHE,
    "PILOT_ENABLE_XDS_CACHE": _NO_CACHE,
    "PILOT_PUSH_THROTTLE": "What is on its way to proxies is limited by its size, not by their number.",
    "PILOT_STATUS_MAX_WORKERS": "Eight writes at a time, and only differences are written.",
    "PILOT_UNIFIED_SIDECAR_SCOPE": _ALWAYS,
    "PILOT_XDS_CACHE_INDEX_CLEAR_INTERVAL": _NO_CACHE,
    "PILOT_XDS_CACHE_SIZE": _NO_CACHE,
    "PILOT_XDS_CACHE_STATS": _NO_CACHE,
    "SERVICE_ACCOUNT": "The token that is mounted says who we are.",
}
"""Known and harmless, with the reason."""

ONLY: Final[Mapping[str, tuple[str, str]]] = {
    "ENABLE_CLUSTER_TRUST_BUNDLE_API": ("false", "Roots are in ConfigMaps (PILOT_CA_CERT_CONFIGMAP)."),
    "ENABLE_GATEWAY_API_INFERENCE_EXTENSION": ("false", _LATER),
    "ENABLE_MULTICLUSTER_HEADLESS": ("true", _ALWAYS),
    "MCS_API_GROUP": ("multicluster.x-k8s.io", _LATER),
    "MCS_API_VERSION": ("v1alpha1", _LATER),
    "PILOT_ENABLE_AGENTGATEWAY": ("false", "There is no class for it."),
    "PILOT_ANALYSIS_INTERVAL": ("10s", "Of PILOT_ENABLE_ANALYSIS."),
    "PILOT_ENABLE_ANALYSIS": ("false", "`meshpilot analyze` finds the same; statuses tell what is not served."),
    "PILOT_ENABLE_CROSS_CLUSTER_WORKLOAD_ENTRY": ("true", _ALWAYS),
    "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES": ("true", _ALWAYS),
}
"""The one value that holds, and why. Another one is worth a warning."""

_LIKE_OURS: Final = re.compile(r"(PILOT|CITADEL)_\w+")
_LINK: Final = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)\w*)?)")
"""What Kubernetes puts into pods for a Service of such a name."""


def warnings(environ: Mapping[str, str]) -> Iterator[str]:
    """What somebody asks for in vain."""
    for name, (only, reason) in ONLY.items():
        text = environ.get(name, "")
        if text and _plain(text) != only:
            yield f"environment variable {name}: expected {only}, got {text!r}, which has no effect: {reason}"


def unknown(environ: Mapping[str, str], known: frozenset[str]) -> Iterator[str]:
    """What looks like one of istiod's variables and is none."""
    for name in sorted(environ.keys() - known - WITHOUT_EFFECT.keys() - ONLY.keys()):
        if _LIKE_OURS.fullmatch(name) and not _LINK.fullmatch(name):
            yield f"environment variable {name} is not known and has no effect"


def _plain(text: str) -> str:
    try:
        return str(parse_bool(text)).lower()
    except ValueError:
        return text
