"""External authorizers by name: whom to ask, or why nobody can be asked."""

from typing import Any

import pytest

from pilot.model import authorizers
from pilot.model.decoding import decode_value
from pilot.model.mesh import MeshConfig
from tests.pilot.generators.samples import HTTP, service

WEB = service("authz", HTTP, namespace="a")
GOOD = {"service": WEB.hostname, "port": 80}


def mesh(**providers: dict[str, Any]) -> MeshConfig:
    """MeshConfig with providers by name."""
    made, faults = decode_value(
        {"extensionProviders": [{"name": n, **each} for n, each in providers.items()]}, MeshConfig
    )
    assert made is not None, faults
    return made


def test_a_service_is_found_by_host_and_by_namespace_and_host() -> None:
    for written in (WEB.hostname, f"a/{WEB.hostname}"):
        settings = mesh(ext={"envoyExtAuthzHttp": {**GOOD, "service": written}})
        found = authorizers.resolve("ext", settings, (WEB,))
        assert (found.host, found.port, found.fault) == (WEB.hostname, 80, "")
        assert found.provider is settings.extension_providers[0].envoy_ext_authz_http


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ({"envoyExtAuthzGrpc": {**GOOD, "service": "nowhere"}}, "no such service"),
        ({"envoyExtAuthzGrpc": {**GOOD, "service": f"b/{WEB.hostname}"}}, "no such service"),
        ({"envoyExtAuthzGrpc": {**GOOD, "port": 81}}, "expected port 81"),
        ({"envoyExtAuthzGrpc": {**GOOD, "statusOnError": "999"}}, "statusOnError"),
        ({"envoyExtAuthzHttp": {**GOOD, "statusOnError": "teapot"}}, "statusOnError"),
        ({"envoyExtAuthzHttp": {**GOOD, "pathPrefix": "check"}}, "pathPrefix"),
        ({"envoyExtAuthzHttp": {**GOOD, "includeRequestBodyInCheck": {}}}, "maxRequestBytes"),
        ({"envoyExtAuthzHttp": {**GOOD, "includeAdditionalHeadersInCheck": {"": "x"}}}, 'got ": x"'),
        ({"envoyExtAuthzHttp": {**GOOD, "includeAdditionalHeadersInCheck": {"x": "a\nb"}}}, 'got "x: a'),
        ({"envoyExtAuthzHttp": {**GOOD, "includeAdditionalHeadersInCheck": {"x": "50%"}}}, 'got "x: 50%"'),
        ({"prometheus": {}}, "expected an external authorizer"),
    ],
)
def test_who_cannot_be_asked(provider: dict[str, Any], words: str) -> None:
    found = authorizers.resolve("ext", mesh(ext=provider), (WEB,))
    assert found.provider is None
    assert words in found.fault


def test_a_host_in_two_namespaces_needs_a_namespace() -> None:
    twin = service("authz", HTTP, namespace="b", hostname=WEB.hostname)
    settings = mesh(
        ext={"envoyExtAuthzHttp": GOOD}, named={"envoyExtAuthzHttp": {**GOOD, "service": f"b/{WEB.hostname}"}}
    )
    assert "in 2 namespaces" in authorizers.resolve("ext", settings, (WEB, twin)).fault
    assert not authorizers.resolve("named", settings, (WEB, twin)).fault


def test_unknown_names_and_none_at_all() -> None:
    assert 'got "missing"' in authorizers.resolve("missing", mesh(), ()).fault
    assert "got none" in authorizers.resolve("", mesh(), ()).fault


def test_headers_may_have_operators() -> None:
    headers = {"a": "%REQ(:path)%", "b": "100%% of %PROTOCOL% %REQ(x?y):10%", "c": "%DOWNSTREAM_PEER_URI_SAN%"}
    settings = mesh(ext={"envoyExtAuthzHttp": {**GOOD, "includeAdditionalHeadersInCheck": headers}})
    assert not authorizers.resolve("ext", settings, (WEB,)).fault
