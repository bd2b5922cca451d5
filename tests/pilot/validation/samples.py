"""Objects from a line of YAML, and what is found in them."""

import yaml

from pilot.model.decoding import decode_value, path_text
from pilot.model.objects import Object
from pilot.validation.finding import Finding, Weight
from pilot.validation.objects import find


def decoded(struct: type[Object], spec: str, metadata: str = "") -> Object:
    """An object `x` in namespace `ns`; `metadata`: more of it, in flow style."""
    names = {"name": "x", "namespace": "ns"} | (yaml.safe_load(f"{{{metadata}}}") or {})
    value, faults = decode_value({"metadata": names, "spec": yaml.safe_load(spec)}, struct)
    assert value is not None, faults
    return value


def found(struct: type[Object], spec: str, metadata: str = "") -> list[Finding]:
    """Everything that is found."""
    return list(find(decoded(struct, spec, metadata)))


def refused(struct: type[Object], spec: str, metadata: str = "") -> list[str]:
    """Fields for which it is refused."""
    return [path_text(each.path) for each in found(struct, spec, metadata) if each.weight is not Weight.NOTED]


def warned(struct: type[Object], spec: str, metadata: str = "") -> list[str]:
    """Fields with a warning."""
    return [path_text(each.path) for each in found(struct, spec, metadata) if each.weight is Weight.NOTED]
