"""Which API a VirtualService or Gateway was first written in: it changes what paths mean, and who comes first.

In: metadata. Out: a `Semantics`. Source: xDS behaviour 5.5 (Match), 5.8, appendix A.21.
"""

from enum import Enum

from pilot.model.objects import Metadata, Object

SEMANTICS = "internal.istio.io/route-semantics"
"""Annotation of objects that were made from those of another API."""


class Semantics(Enum):
    """The value of the annotation."""

    ISTIO = ""
    GATEWAY_API = "gateway"
    INGRESS = "ingress"


_BY_VALUE = {each.value: each for each in Semantics}


def semantics_of(metadata: Metadata) -> Semantics:
    """The API that an object comes from."""
    return _BY_VALUE.get(metadata.annotations.get(SEMANTICS, ""), Semantics.ISTIO)


def precedence(declared: Object) -> tuple[bool, str, str, str]:
    """Sorts objects as they take effect: those of Ingresses, which count as older than all, then by age and name."""
    from_ingress = semantics_of(declared.metadata) is Semantics.INGRESS
    return (not from_ingress, "" if from_ingress else declared.created, declared.name, declared.namespace)
