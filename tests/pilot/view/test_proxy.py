from pilot.view.proxy import Flavour


def test_istios_envoy_has_everything() -> None:
    assert not Flavour().is_stock
    assert Flavour().has("istio.stats")


def test_a_stock_envoy_has_what_it_lists() -> None:
    flavour = Flavour(frozenset({"a.B"}), (1, 36, 2))
    assert flavour.is_stock
    assert flavour.has("a.B")
    assert flavour.has("type.googleapis.com/a.B")
    assert not flavour.has("a.C")
