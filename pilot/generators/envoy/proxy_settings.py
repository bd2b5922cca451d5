"""The ProxyConfig that holds for one proxy: what its node says in PROXY_CONFIG, whole, else the mesh's default.

In: MeshConfig and the raw JSON of the node. Out: a `ProxyConfig`; equal ones are the same object, so that it can
be part of a cache key. A field that cannot be understood (a newer agent) counts as not given. Source: xDS behaviour 1.4, 4.5.
"""

import json
from collections.abc import Mapping

import msgspec

from pilot.memo import memoized
from pilot.model.duration import Duration, parse_duration
from pilot.model.mesh import MeshConfig
from pilot.model.proxy_config import ProxyConfig


def proxy_config(mesh: MeshConfig, raw: Mapping[str, object]) -> ProxyConfig:
    """The effective settings of a proxy whose node metadata has `raw` as PROXY_CONFIG."""
    if not raw:
        return mesh.default_config
    return _parse(json.dumps(raw, sort_keys=True, default=str))


@memoized(size=1024)
def _parse(text: str) -> ProxyConfig:
    raw = json.loads(text)
    known = {}
    for name, value in raw.items():
        try:
            _convert({name: value})
        except (msgspec.ValidationError, ValueError):
            continue
        known[name] = value
    return _convert(known)


def _convert(raw: Mapping[str, object]) -> ProxyConfig:
    return msgspec.convert(raw, ProxyConfig, strict=False, dec_hook=_decode)


def _decode(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"expected a {kind.__name__}, got {type(value).__name__}")
