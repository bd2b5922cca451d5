"""Every kind is asked by its own function, and annotations of all of them are."""

import pytest

from pilot.model.objects import Object
from pilot.sources.kinds import KINDS
from tests.pilot.validation.samples import refused

STRICT = sorted((kind.struct for kind in KINDS.values() if kind.strict), key=lambda struct: struct.KIND)


@pytest.mark.parametrize("struct", STRICT, ids=lambda struct: struct.KIND)
def test_reserved_annotations_are_refused_of_every_kind(struct: type[Object]) -> None:
    field = 'metadata.annotations["internal.istio.io/parents"]'
    assert field in refused(struct, "{}", "annotations: {internal.istio.io/parents: a}")
