"""Switches by environment variables."""

import pytest

from pilot.switches import features_from, parse_prefix, parse_remote_keys


def test_what_needs_ambient_is_ignored_without_it() -> None:
    warnings: list[str] = []
    features = features_from({"AMBIENT_ENABLE_MULTI_NETWORK": "true"}, False, "cluster.local", warnings)
    assert not features.ambient_multi_network
    assert warnings == ["ambient_multi_network is ignored while PILOT_ENABLE_AMBIENT is off"]
    on = {"PILOT_ENABLE_AMBIENT": "true", "AMBIENT_ENABLE_MULTI_NETWORK": "true"}
    assert features_from(on, False, "cluster.local", warnings).ambient_multi_network
    assert len(warnings) == 1


def test_parts_follow_ambient_unless_said_otherwise() -> None:
    said = {"PILOT_ENABLE_AMBIENT": "true", "AMBIENT_ENABLE_STATUS": "false"}
    features = features_from(said, False, "cluster.local", [])
    assert (features.ambient_waypoints, features.ambient_status, features.sending_hbone) == (True, False, True)


def test_ranges_are_of_one_family() -> None:
    assert parse_prefix("10.0.0.0/8", 4) == "10.0.0.0/8"
    with pytest.raises(ValueError, match="expected a range of IPv6"):
        parse_prefix("10.0.0.0/8", 6)


def test_who_fetches_keys_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="expected istiod, hybrid or envoy"):
        parse_remote_keys("somebody")
