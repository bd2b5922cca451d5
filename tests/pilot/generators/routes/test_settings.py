from pilot.generators.routes.settings import RouteListener, route_settings
from pilot.model.features import Features
from pilot.model.proxy_config import Disabled, Enabled, ProxyConfig, ProxyHeaders
from tests.pilot.generators.worlds import mesh_config

MESH, FEATURES = mesh_config(), Features()


def test_attempts_are_counted_unless_the_proxy_says_otherwise() -> None:
    off = ProxyConfig(proxy_headers=ProxyHeaders(attempt_count=Disabled(disabled=True)))

    assert route_settings(MESH, ProxyConfig(), FEATURES).attempt_count
    assert not route_settings(MESH, off, FEATURES).attempt_count


def test_the_old_host_is_kept_only_where_it_is_wanted() -> None:
    on = ProxyConfig(proxy_headers=ProxyHeaders(x_forwarded_host=Enabled(enabled=True)))

    assert not route_settings(MESH, ProxyConfig(), FEATURES).append_x_forwarded_host
    assert route_settings(MESH, on, FEATURES).append_x_forwarded_host


def test_settings_of_the_same_parts_are_the_same() -> None:
    config = ProxyConfig()

    assert route_settings(MESH, config, FEATURES) is route_settings(MESH, config, FEATURES)


def test_a_listener_is_a_key_by_value() -> None:
    assert RouteListener(80).key() == RouteListener(80).key() == (80, "mesh", False, False, False, "")
