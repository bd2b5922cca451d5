"""The ProxyConfig that holds for one proxy: what its node says in PROXY_CONFIG, whole, else the mesh's default.

In: MeshConfig and the raw JSON of the node. Out: a `ProxyConfig`; equal ones are the same object, so that it can
be part of a cache key. A field that cannot be understood (a newer agent) counts as not given.
Source: xDS behaviour 1.4, 4.5.
"""

import json
from collections.abc import Mapping

from pilot.memo import memoized
from pilot.model.decoding import Unknown, decode_value
from pilot.model.mesh import MeshConfig
from pilot.model.proxy_config import ProxyConfig


def proxy_config(mesh: MeshConfig, raw: Mapping[str, object]) -> ProxyConfig:
    """The effective settings of a proxy whose node metadata has `raw` as PROXY_CONFIG."""
    if not raw:
        return mesh.default_config
    return _parse(json.dumps(raw, sort_keys=True, default=str))


@memoized(size=1024)
def _parse(text: str) -> ProxyConfig:
    whole, _ = decode_value(json.loads(text), ProxyConfig, Unknown.IGNORE)
    if whole is not None:
        return whole
    readable = {}
    for name, value in json.loads(text).items():
        field, _ = decode_value({name: value}, ProxyConfig, Unknown.IGNORE)
        if field is not None:
            readable[name] = value
    settings, _ = decode_value(readable, ProxyConfig, Unknown.IGNORE)
    return settings or ProxyConfig()
