"""What an installation, a request's path and a pod together say about its proxy: image, user, cluster, network.

Comes in: values, annotations, the path. Goes out: plain values. Source: injection behaviour 2.1, 2.4 and 2.9.
"""

from collections.abc import Mapping
from typing import Any, Final

from webhook.gotemplate.formatting import to_text

DEFAULT_ID: Final = 1337
"""User and group of proxies."""

_VARIABLES: Final = {"cluster": "ISTIO_META_CLUSTER_ID", "net": "ISTIO_META_NETWORK"}
_SLASH: Final = "--slash--"
_LEGACY: Final = ":ENV:"


def parse_path(path: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Environment variables that the path of a review sets, and warnings about what it has beyond pairs."""
    rest = path.removeprefix("/inject").strip()
    if rest.startswith("/:ENV:"):
        pairs = [each.partition("=") for each in rest[1:].removesuffix("/").split(_LEGACY)]
        return {_VARIABLES.get(key, key.upper()): value for key, mark, value in pairs if key and mark}, ()
    parts = rest.strip("/").split("/") if rest.strip("/") else []
    warnings: tuple[str, ...] = ()
    if len(parts) % 2:
        warnings = (f"the path ends with {parts[-1]!r}, which has no value",)
    pairs_of_parts = zip(parts[::2], parts[1::2], strict=False)
    variables = {_VARIABLES.get(key, key.upper()): value.replace(_SLASH, "/") for key, value in pairs_of_parts if key}
    return variables, warnings


def at(values: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path of the values; None where it ends early."""
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def proxy_image(values: Mapping[str, Any], config: Mapping[str, Any], annotations: Mapping[str, str]) -> str:
    """`<hub>/<image>:<tag>-<type>`."""
    image = str(at(values, "global", "proxy", "image") or "proxyv2")
    usual = at(config, "image", "imageType") or at(values, "global", "variant") or ""
    kind = annotations.get("sidecar.istio.io/proxyImageType", str(usual))
    found = at(values, "global", "tag")
    tag = "" if found is None else to_text(found)
    if kind:
        for suffix in ("-distroless", "-debug"):
            tag = tag.removesuffix(suffix)
        tag += "" if kind == "default" or not tag else f"-{kind}"
    repository = f"{at(values, 'global', 'hub') or ''}/{image}"
    return f"{repository}:{tag}" if tag else repository


def openshift_ids(annotations: Mapping[str, str]) -> tuple[int, int]:
    """User and group of the proxy by a namespace's annotations on OpenShift; the usual ones where they say nothing."""
    users = annotations.get("openshift.io/sa.scc.uid-range", "")
    groups = annotations.get("openshift.io/sa.scc.supplemental-groups", "").split(",")[0] or users
    user, group = _highest(users), _highest(groups)
    return user or DEFAULT_ID, group or DEFAULT_ID


def _highest(block: str) -> int | None:
    """The last number of `start/size` or `start-end`."""
    start, slash, size = block.partition("/")
    if not slash:
        start, _, size = block.partition("-")
    if not (start.isascii() and start.isdecimal() and size.isascii() and size.isdecimal()) or len(block) > 40:
        return None
    return int(start) + int(size) - 1 if slash else int(size)
