"""The ProxyConfig object as decoded: settings of the proxies of a mesh, a namespace or some workloads. Pure data.

MeshConfig's `defaultConfig`, of the same name, is in `proxy_config.py`.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Int32, Message, Object
from pilot.model.selectors import WorkloadSelector


class DeclaredImage(Message, frozen=True):
    """`ProxyImage`: which build of the proxy's image."""

    image_type: str = ""


class DeclaredProxyConfigSpec(Message, frozen=True):
    """`spec` of a ProxyConfig; `concurrency` 0: as many threads as cores."""

    selector: WorkloadSelector | None = None
    concurrency: Int32 | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    image: DeclaredImage | None = None


class DeclaredProxyConfig(Object, frozen=True):
    """networking.istio.io ProxyConfig."""

    KIND: ClassVar[str] = "ProxyConfig"

    spec: DeclaredProxyConfigSpec = DeclaredProxyConfigSpec()
