"""Kubeconfigs that others wrote."""

import json
from typing import Any

import pytest

from pilot.remote_kubeconfig import KubeconfigError, parse_kubeconfig


def text(**user: Any) -> str:
    return json.dumps({"clusters": [{"name": "c"}], "contexts": [{"name": "c"}], "users": [{"user": user}]})


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"username": "u", "password": "p"},
        {"client-certificate-data": "x", "client-key-data": "y"},
        {"auth-provider": {"name": "oidc"}},
    ],
)
def test_what_is_inline_is_fine(user: dict[str, Any]) -> None:
    assert parse_kubeconfig(text(**user))["users"][0]["user"] == user


@pytest.mark.parametrize(
    ("user", "form"),
    [
        ({"exec": {"command": "x"}}, "exec"),
        ({"auth-provider": {"name": "gcp"}}, "gcp"),
        ({"client-key": "/etc/key"}, "clientKey"),
        ({"client-certificate": "/etc/crt"}, "clientCertificate"),
        ({"tokenFile": "/etc/token"}, "tokenFile"),
    ],
)
def test_what_runs_programs_or_reads_our_files_is_refused_unless_allowed(user: dict[str, Any], form: str) -> None:
    with pytest.raises(KubeconfigError, match=form):
        parse_kubeconfig(text(**user))
    assert parse_kubeconfig(text(**user), (form,))


@pytest.mark.parametrize("broken", ["", "[", "1", "{}", "clusters: []"])
def test_what_is_no_kubeconfig_is_refused(broken: str) -> None:
    with pytest.raises(KubeconfigError):
        parse_kubeconfig(broken)
