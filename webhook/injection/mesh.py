"""The mesh configuration as injection sees it.

Comes in: its YAML. Goes out: `Mesh`. Does not merge sources of mesh configuration: that is done before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mesh:
    """`settings`: the mesh configuration with defaults filled in, by its own (camel case) names."""

    settings: Mapping[str, Any] = field(default_factory=dict)


def parse_mesh(text: str) -> Mesh:
    """MeshConfig as YAML, unknown fields ignored. Raises: ConfigurationError."""
    raise NotImplementedError
