"""Flags and environment become settings; what cannot be read is a warning."""

import pathlib
from datetime import timedelta

import pytest

from pilot import settings, switches
from pilot.environment import parse_bool
from pilot.model.features import Features, RemoteKeys
from pilot.settings import load

CONFIG = pathlib.Path("/config")


def test_defaults_are_istiods() -> None:
    loaded = load({}, {})
    assert loaded.addresses == settings.Addresses(":8080", ":15017", ":15010", ":15012", ":15014")
    assert loaded.tuning.debounce_after == timedelta(milliseconds=100)
    assert loaded.tuning.debounce_max == timedelta(seconds=10)
    assert loaded.certificates.max_ttl == timedelta(days=90)
    assert loaded.features.cluster_id == "Kubernetes"
    assert loaded.warnings == ()


def test_ambient_is_on_by_default_in_file_mode_only() -> None:
    assert load({"config_dir": CONFIG}, {}).features.sending_hbone
    assert not load({}, {}).features.sending_hbone


def test_parts_of_ambient_follow_the_master_switch() -> None:
    off = load({"config_dir": CONFIG}, {"PILOT_ENABLE_AMBIENT": "false"})
    assert not off.features.ambient
    assert not off.features.sending_hbone
    only_listening = load({"config_dir": CONFIG}, {"PILOT_ENABLE_SENDING_HBONE": "false"})
    assert not only_listening.features.sending_hbone
    assert only_listening.features.sidecar_hbone


def test_part_of_ambient_without_ambient_is_ignored_with_a_warning() -> None:
    loaded = load({}, {"PILOT_ENABLE_SENDING_HBONE": "true"})
    assert not loaded.features.sending_hbone
    assert loaded.warnings == ("sending_hbone is ignored while PILOT_ENABLE_AMBIENT is off",)


def test_unreadable_value_is_a_warning_and_stays_the_default() -> None:
    loaded = load({}, {"PILOT_HTTP10": "maybe", "PILOT_DEBOUNCE_AFTER": "soon"})
    assert not loaded.features.http10
    assert loaded.tuning.debounce_after == timedelta(milliseconds=100)
    assert any("PILOT_HTTP10: expected true or false, got 'maybe'" in each for each in loaded.warnings)
    assert any("PILOT_DEBOUNCE_AFTER" in each for each in loaded.warnings)


def test_variables_that_disable_are_inverted() -> None:
    loaded = load({}, {"PILOT_DISABLE_MX_ALPN": "true", "DISABLE_SHADOW_HOST_SUFFIX": "false"})
    assert not loaded.features.mx_alpn
    assert loaded.features.shadow_host_suffix


def test_flags_win_over_the_environment() -> None:
    loaded = load({"cluster_id": "one", "namespace": "mesh"}, {"CLUSTER_ID": "two", "POD_NAMESPACE": "other"})
    assert (loaded.features.cluster_id, loaded.features.system_namespace) == ("one", "mesh")


def test_flag_that_was_not_given_leaves_the_default() -> None:
    assert load({"shutdown": None, "mesh_config": None}, {}).shutdown == timedelta(seconds=10)


def test_unknown_flag_is_a_warning() -> None:
    loaded = load({"unknown": ("--vklog", "3")}, {})
    assert loaded.warnings == ("flag --vklog is not known and has no effect",)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MESHPILOT_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
        ({"XDG_STATE_HOME": "/b"}, "/b/meshpilot"),
    ],
)
def test_state_directory_of_the_environment(environ: dict[str, str], expected: str) -> None:
    assert load({}, environ).state_dir == pathlib.Path(expected)


def test_state_directory_flag_wins() -> None:
    assert load({"state_dir": pathlib.Path("/c")}, {"MESHPILOT_STATE_DIR": "/a"}).state_dir == pathlib.Path("/c")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("T", True), ("TRUE", True), ("0", False), ("False", False)])
def test_booleans_as_go_reads_them(text: str, value: bool) -> None:
    assert parse_bool(text) is value


def test_every_variable_names_a_field_of_features() -> None:
    names = set(Features.__dataclass_fields__)
    assert {name for name, _ in switches.FEATURES.values()} <= names


def test_certificate_authority_is_set_by_istiods_names() -> None:
    environ = {
        "ROOT_CA_DIR": "/ca",
        "PILOT_ENABLE_CA_CRL": "false",
        "ISTIO_MULTIROOT_MESH": "true",
        "CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL": "0",
        "CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE": "30",
        "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE": "4096",
        "CA_TRUSTED_NODE_ACCOUNTS": "a/b, c/d",
        "JWT_RULE": '{"issuer": "i", "audiences": ["a"]}',
        "TRUSTED_GATEWAY_CIDR": "10.0.0.0/8,::1/128",
        "XDS_AUTH": "false",
    }
    found = settings.load({"cluster_aliases": "one=Kubernetes,two=other"}, environ)
    limits = found.certificates
    assert found.warnings == ()
    assert (str(limits.plugged_in_dir), limits.with_revocations, limits.is_multi_root) == ("/ca", False, True)
    assert (limits.root_check_interval.total_seconds(), limits.root_grace_percent, limits.root_rsa_bits) == (
        0,
        30,
        4096,
    )
    assert limits.trusted_node_accounts == ("a/b", "c/d")
    assert limits.jwt_rule is not None
    assert [str(each) for each in limits.trusted_gateways] == ["10.0.0.0/8", "::1/128"]
    assert (limits.authenticate, limits.cluster_aliases) == (False, ("one",))
    assert found.features.cluster_aliases == (("one", "Kubernetes"), ("two", "other"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_RULE", "no json"),
        ("TRUSTED_GATEWAY_CIDR", "here"),
        ("CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE", "1024"),
        ("CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE", "101"),
    ],
)
def test_bad_setting_of_the_certificate_authority_is_a_warning(name: str, value: str) -> None:
    found = settings.load({}, {name: value})
    assert found.certificates == settings.Certificates()
    assert [each for each in found.warnings if name in each]
    assert settings.load({"cluster_aliases": "x"}, {}).warnings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("istiod", RemoteKeys.FETCHED),
        ("FALSE", RemoteKeys.FETCHED),
        ("true", RemoteKeys.HYBRID),
        ("hybrid", RemoteKeys.HYBRID),
        ("envoy", RemoteKeys.BY_PROXY),
    ],
)
def test_who_fetches_keys(text: str, value: RemoteKeys) -> None:
    assert load({}, {"PILOT_JWT_ENABLE_REMOTE_JWKS": text}).features.remote_keys is value


def test_how_keys_are_fetched() -> None:
    environ = {"PILOT_JWT_PUB_KEY_REFRESH_INTERVAL": "5m", "BLOCKED_CIDRS_IN_JWKS_URIS": "10.0.0.0/8, ::1/128"}
    loaded = load({}, environ | {"JWKS_RESOLVER_INSECURE_SKIP_VERIFY": "true"})
    assert loaded.token_keys.insecure
    assert loaded.token_keys.refresh == timedelta(minutes=5)
    assert [str(each) for each in loaded.token_keys.blocked] == ["10.0.0.0/8", "::1/128"]


def test_unreadable_blocked_ranges_block_everything() -> None:
    loaded = load({}, {"BLOCKED_CIDRS_IN_JWKS_URIS": "10.0.0.0/99", "PILOT_JWT_ENABLE_REMOTE_JWKS": "maybe"})
    assert [str(each) for each in loaded.token_keys.blocked] == ["0.0.0.0/0", "::/0"]
    assert loaded.features.remote_keys is RemoteKeys.FETCHED
    assert len(loaded.warnings) == 3


def test_ranges_of_virtual_addresses() -> None:
    environ = {"PILOT_IP_AUTOALLOCATE_IPV4_PREFIX": "10.9.0.0/16", "PILOT_IP_AUTOALLOCATE_IPV6_PREFIX": "10.9.0.0/16"}
    loaded = load({}, environ)
    assert (loaded.features.allocation_v4, loaded.features.allocation_v6) == ("10.9.0.0/16", "2001:2::/48")
    (warning,) = loaded.warnings
    assert warning.startswith(
        "environment variable PILOT_IP_AUTOALLOCATE_IPV6_PREFIX: expected a range of IPv6, got '10.9.0.0/16'"
    )


def test_webhooks_follow_istiods_variables() -> None:
    assert settings.load({}, {}).webhooks == settings.Webhooks()
    environ = {"INJECT_ENABLED": "false", "ENABLE_NATIVE_SIDECARS": "true", "PLATFORM": "openshift"}
    loaded = settings.load({"injection_directory": pathlib.Path("/x")}, environ).webhooks
    assert loaded == settings.Webhooks(False, pathlib.Path("/x"), True, "openshift")
    assert settings.parse_native_sidecars("auto") is None
    assert settings.parse_native_sidecars("perhaps") is False
