"""Where objects come from, and who comes first."""

from pilot.model.gateway import Gateway
from pilot.model.objects import Metadata
from pilot.model.semantics import SEMANTICS, Semantics, precedence, semantics_of


def test_an_annotation_says_where_an_object_comes_from() -> None:
    assert semantics_of(Metadata(annotations={SEMANTICS: "gateway"})) is Semantics.GATEWAY_API
    assert semantics_of(Metadata(annotations={SEMANTICS: "ingress"})) is Semantics.INGRESS
    assert semantics_of(Metadata(annotations={SEMANTICS: "?"})) is Semantics.ISTIO
    assert semantics_of(Metadata()) is Semantics.ISTIO


def test_objects_of_ingresses_come_first_then_older_ones_then_names() -> None:
    ingress = Gateway(metadata=Metadata(name="z", annotations={SEMANTICS: "ingress"}, creation_timestamp="2025"))
    old = Gateway(metadata=Metadata(name="b", creation_timestamp="2023"))
    young = Gateway(metadata=Metadata(name="a", creation_timestamp="2024"))
    unknown = Gateway(metadata=Metadata(name="y"))
    assert sorted((young, old, unknown, ingress), key=precedence) == [ingress, unknown, old, young]
