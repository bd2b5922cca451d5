"""One object as somebody wrote it, and where.

In: a document of YAML or JSON. Out: an `Item`. Analyses read plain values, not our structs: they judge what does not
decode too, and kinds that the mesh itself does not read (Deployments, webhook configurations).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilot.analysis.values import Value, labels_at, mapping_at, text_at
from pilot.sources.yaml_text import lines_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object was read: a file, the line where its document begins, the text of that document."""

    file: str
    line: int
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One object; `value` is the whole of it."""

    kind: str
    group: str
    namespace: str
    name: str
    value: Value
    place: Place | None = None
    cluster: str = ""
    """Which of several clusters it is from."""

    @property
    def labels(self) -> dict[str, str]:
        """Of its metadata."""
        return labels_at(self.value, "metadata", "labels")

    @property
    def annotations(self) -> dict[str, str]:
        """Of its metadata."""
        return labels_at(self.value, "metadata", "annotations")

    @property
    def spec(self) -> Value:
        """Its `spec`, or an empty one."""
        return mapping_at(self.value, "spec")

    @property
    def title(self) -> str:
        """`namespace/name`, or only the name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def origin(self) -> str:
        """`Kind namespace/name`."""
        return f"{self.kind} {self.title}"

    def reference(self, path: tuple[str | int, ...] = ()) -> str:
        """`file:line` of a place in it; empty where it was read from no file."""
        if self.place is None:
            return ""
        line = self.place.line
        if path and self.place.text:
            line += lines_of(self.place.text, [path])[0] - 1
        return f"{self.place.file}:{line}"


def item_of(value: Mapping[str, object], namespace: str, place: Place | None = None, cluster: str = "") -> Item:
    """An item of a document; `namespace` is for those that name none."""
    group, _, _ = text_at(value, "apiVersion").rpartition("/")
    kind = text_at(value, "kind")
    own = "" if kind in CLUSTER_WIDE else text_at(value, "metadata", "namespace") or namespace
    return Item(kind, group, own, text_at(value, "metadata", "name"), value, place, cluster)


CLUSTER_WIDE = frozenset(
    ("Namespace", "Node", "GatewayClass", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
     "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "IngressClass", "PersistentVolume",
     "StorageClass", "PriorityClass"))  # fmt: skip
"""Kinds without a namespace."""
