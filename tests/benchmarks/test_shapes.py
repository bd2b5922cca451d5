"""Every shape has something to generate."""

from benchmarks import shapes


def test_every_shape_generates_something() -> None:
    found = {name: work for name, work in shapes.cases() if "1000" not in name and "10000" not in name}

    assert len(found) > 25
    for name, work in found.items():
        assert work(), name
