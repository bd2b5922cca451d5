from pilot.model.endpoint import Endpoint


def test_the_first_address_is_the_primary() -> None:
    assert Endpoint(("10.0.0.1", "fd00::1"), 80, "http", "c").address == "10.0.0.1"
    assert Endpoint((), 80, "http", "c").address == ""
