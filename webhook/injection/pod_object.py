"""A pod as templates see it: `.Spec.Containers`, `.ObjectMeta.Labels`, by Go's names and with Go's zero values.

Comes in: data and the name of its type. Goes out: a `Struct`. Changes nothing.
"""

from collections.abc import Iterator
from typing import Any

from webhook.gotemplate.values import Object, TypedMap
from webhook.injection.types import Field, types

_ZEROS = {"s": "", "i": 0, "b": False}


class Struct(Object):
    """A struct of Kubernetes' types, or a nil pointer to one."""

    __slots__ = ("data", "is_nil", "type")

    def __init__(self, data: dict[str, Any] | None, type_name: str) -> None:
        """Of this type; None is a nil pointer."""
        self.data: dict[str, Any] = data or {}
        self.is_nil = data is None
        self.type = types()[type_name]

    @property
    def go_type(self) -> str:  # type: ignore[override]
        """As Go prints it."""
        return f"v1.{self.type.name}"

    def look_up(self, name: str) -> Any:
        """A field by its name in Go."""
        field = self.type.by_go[name]
        return _value(self.data.get(field.json), field)

    def fields(self) -> Iterator[tuple[str, Any]]:
        """All of them, by their JSON names."""
        for field in self.type.fields:
            yield field.json, _value(self.data.get(field.json), field)


class Record(Object):
    """A struct of given fields."""

    __slots__ = ("_fields", "go_type")

    def __init__(self, go_type: str, **fields: Any) -> None:
        """By their names in Go."""
        self._fields = fields
        self.go_type = go_type

    def look_up(self, name: str) -> Any:
        """One of its fields."""
        return self._fields[name]

    def fields(self) -> Iterator[tuple[str, Any]]:
        """All of them."""
        return iter(self._fields.items())


def _value(value: Any, field: Field) -> Any:
    if field.is_list:
        return [_element(each, field.type) for each in value] if isinstance(value, list) else []
    if field.type in _ZEROS:
        return _ZEROS[field.type] if value is None and not field.is_pointer else value
    if field.type in ("{}", "{q}"):
        return TypedMap(value) if isinstance(value, dict) else TypedMap()
    if field.type in ("x", "q"):
        return value
    struct = value if isinstance(value, dict) else None
    return Struct(struct if field.is_pointer else struct or {}, field.type)


def _element(value: Any, type_name: str) -> Any:
    return Struct(value, type_name) if type_name in types() and isinstance(value, dict) else value
