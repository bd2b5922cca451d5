"""The table of Kubernetes types."""

import pytest

from webhook.injection.types import go_name, types


@pytest.mark.parametrize(
    ("json_name", "name"),
    [
        ("hostIP", "HostIP"), ("dnsPolicy", "DNSPolicy"), ("fsGroup", "FSGroup"), ("tcpSocket", "TCPSocket"),
        ("serviceAccountName", "ServiceAccountName"), ("seLinuxOptions", "SELinuxOptions"), ("uid", "UID"),
        ("setHostnameAsFQDN", "SetHostnameAsFQDN"), ("hostPID", "HostPID"),
    ],
)  # fmt: skip
def test_names_are_those_of_go(json_name: str, name: str) -> None:
    assert go_name(json_name) == name


def test_every_type_that_a_field_names_is_in_the_table() -> None:
    scalars = {"s", "i", "b", "q", "x", "{}", "{q}"}
    wanted = {field.type for each in types().values() for field in each.fields}
    assert wanted - scalars <= types().keys()


def test_flags_are_read() -> None:
    spec = types()["PodSpec"].by_json
    assert (spec["volumes"].merge_key, spec["volumes"].retains_keys, spec["volumes"].is_list) == ("name", True, True)
    assert (spec["containers"].always, spec["containers"].merge_key) == (True, "name")
    assert spec["tolerations"].merges is False
    assert types()["ObjectMeta"].by_json["finalizers"].merges is True
    assert types()["ObjectMeta"].by_json["finalizers"].merge_key == ""
    assert spec["securityContext"].is_pointer is True
