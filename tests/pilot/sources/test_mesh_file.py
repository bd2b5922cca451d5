import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.model.duration import Duration
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.problem import Severity
from pilot.sources.mesh_file import (
    MeshFileError,
    MeshFiles,
    decode_mesh_config,
    decode_mesh_networks,
    read_mesh_files,
    watch_mesh_files,
)
from tests.shared import shared_path


def refused(text: str) -> list[str]:
    mesh, problems = decode_mesh_config(text, "mesh.yaml")
    assert mesh is None
    return [str(problem) for problem in problems]


def test_an_empty_file_means_defaults() -> None:
    assert decode_mesh_config("# nothing\n") == (MeshConfig(), ())
    assert decode_mesh_networks("") == (MeshNetworks(), ())


def test_what_is_said_replaces_the_defaults() -> None:
    mesh, problems = decode_mesh_config("connectTimeout: 3s\ndefaultConfig: {concurrency: 4}\n")
    assert mesh is not None
    assert mesh.connect_timeout == Duration(seconds=3)
    assert (mesh.default_config.concurrency, mesh.default_config.status_port) == (4, 15020)
    assert problems == ()


def test_providers_join_the_built_in_ones_by_name() -> None:
    mesh, _ = decode_mesh_config(
        "extensionProviders:\n- {name: envoy, envoyFileAccessLog: {path: /x}}\n"
        "- {name: mine, zipkin: {service: z, port: 1}}"
    )
    assert mesh is not None
    assert [provider.name for provider in mesh.extension_providers] == ["prometheus", "stackdriver", "envoy", "mine"]
    envoy = mesh.provider("envoy")
    assert envoy is not None
    assert envoy.envoy_file_access_log is not None
    assert envoy.envoy_file_access_log.path == "/x"


def test_an_unknown_field_is_named_and_the_rest_holds() -> None:
    mesh, problems = decode_mesh_config("trustDomain: a\ntrustDomian: b\n", "mesh.yaml")
    assert mesh is not None
    assert mesh.trust_domain == "a"
    assert [str(problem) for problem in problems] == [
        "mesh.yaml:2: trustDomian: unknown field, did you mean trustDomain?"
    ]
    assert problems[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "mesh.yaml:1: broken YAML: mapping values are not allowed in this context"),
        ("\nconnectTimeout: 5", 'mesh.yaml:2: connectTimeout: expected a duration such as "10s", got the number 5'),
        ("[1]", "mesh.yaml:1: expected a mapping, got a list"),
        ("proxyListenPort: 0", "mesh.yaml:1: proxyListenPort: expected a port from 1 to 65535, got 0"),
        ("proxyInboundListenPort: 99999",
         "mesh.yaml:1: proxyInboundListenPort: expected a port from 1 to 65535, got 99999"),
        ("proxyHttpPort: -1", "mesh.yaml:1: proxyHttpPort: expected a port from 0 to 65535, got -1"),
        ("trustDomain: a/b", 'mesh.yaml:1: trustDomain: expected a trust domain such as cluster.local, got "a/b"'),
        ("trustDomainAliases: ['*']",
         'mesh.yaml:1: trustDomainAliases[0]: expected a trust domain such as cluster.local, got "*"'),
        ("rootNamespace: A", ('mesh.yaml:1: rootNamespace: expected a name of lower case letters, digits, "-" and ".",'
         ' got the string "A"')),
        ("outboundTrafficPolicy: {mode: SOME}",
         'mesh.yaml:1: outboundTrafficPolicy.mode: expected one of REGISTRY_ONLY, ALLOW_ANY, got the string "SOME"'),
    ],
)  # fmt: skip
def test_a_bad_mesh_says_where_and_why(text: str, message: str) -> None:
    assert refused(text) == [message]


def test_the_first_provider_of_a_name_counts() -> None:
    mesh, _ = decode_mesh_config("extensionProviders: [{name: a, datadog: {port: 1}}, {name: a, datadog: {port: 2}}]")
    assert mesh is not None
    assert [each.datadog.port for each in mesh.extension_providers if each.datadog is not None] == [1]


@pytest.mark.parametrize(
    ("providers", "message"),
    [
        ("[{name: future}]", "expected one kind of provider, got none"),
        ("[{prometheus: {}}]", "expected a name, got nothing"),
        ("[{name: a, datadog: {}}, {name: a, datadog: {}}]", "the name a is given twice"),
    ],
)
def test_a_bad_provider_is_a_warning(providers: str, message: str) -> None:
    mesh, problems = decode_mesh_config(f"extensionProviders: {providers}")
    assert mesh is not None
    assert [(problem.message, problem.severity) for problem in problems] == [(message, Severity.WARNING)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("networks: {n: {endpoints: [{}]}}", "networks.n.endpoints[0]: expected fromCidr or fromRegistry, got neither"),
        ("networks: {n: {endpoints: [{fromCidr: x}]}}",
         'networks.n.endpoints[0].fromCidr: expected an IP address or CIDR, got the string "x"'),
        ("networks: {n: {gateways: [{port: 1}]}}",
         "networks.n.gateways[0]: expected address or registryServiceName, got neither"),
        ("networks: {n: {gateways: [{address: 1.2.3.4}]}}",
         "networks.n.gateways[0].port: expected a port from 1 to 65535, got 0"),
        ("networks: {'': {}}", 'networks[""]: expected the name of a network, got nothing'),
    ],
)  # fmt: skip
def test_bad_networks_say_where_and_why(text: str, message: str) -> None:
    networks, problems = decode_mesh_networks(text, "net.yaml")
    assert networks is None
    assert [str(problem) for problem in problems] == [f"net.yaml:1: {message}"]


@pytest.mark.shared
def test_every_recorded_mesh_file_is_usable() -> None:
    golden = shared_path("golden")
    for file in sorted(golden.glob("*/mesh.yaml")):
        mesh, problems = decode_mesh_config(file.read_text(), str(file))
        assert mesh is not None
        assert [problem.field for problem in problems] in ([], ["maxProxyIdle"])  # no field of Istio's, says its API
    for file in sorted(golden.glob("*/networks.yaml")):
        assert decode_mesh_networks(file.read_text(), str(file))[1] == ()


@given(st.text(max_size=40))
def test_any_text_is_a_mesh_or_problems(text: str) -> None:
    for decode in (decode_mesh_config, decode_mesh_networks):
        value, problems = decode(text, "f")
        assert (value is None) == any(problem.severity is Severity.ERROR for problem in problems)


# --- files ----------------------------------------------------------------------------------------------------------


def test_without_files_defaults_hold() -> None:
    assert read_mesh_files("", "") == MeshFiles()


def test_a_file_that_does_not_exist_means_defaults_and_a_warning(tmp_path: Path) -> None:
    file = str(tmp_path / "mesh.yaml")
    settings = read_mesh_files(file, "")
    assert settings.mesh == MeshConfig()
    assert [str(problem) for problem in settings.problems] == [f"{file}: does not exist: built-in defaults hold"]
    assert not settings.is_broken
    assert read_mesh_files(file, "", settings) == settings


def test_a_broken_file_at_the_start_is_an_error_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("connectTimeout: soon\n")
    with pytest.raises(MeshFileError) as error:
        read_mesh_files(str(file), "")
    assert str(error.value) == (
        f'{file}:1: connectTimeout: expected a duration such as "1h30m", "0.5s" or "100ms", got "soon"'
    )


def test_a_file_that_breaks_or_goes_later_keeps_its_last_good_version(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("trustDomain: a\n")
    good = read_mesh_files(str(file), "")
    file.write_text("trustDomain: [\n")
    broken = read_mesh_files(str(file), "", good)
    assert broken.mesh is good.mesh
    assert broken.is_broken
    assert str(broken.problems[0]).endswith("; its last good version stays")
    file.write_bytes(b"\xff")
    assert read_mesh_files(str(file), "", good).mesh is good.mesh
    file.unlink()
    gone = read_mesh_files(str(file), "", good)
    assert gone.mesh is good.mesh
    assert [problem.message for problem in gone.problems] == ["does not exist any more; its last good version stays"]


def test_an_edit_that_changes_nothing_keeps_the_value(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("trustDomain: a\n")
    before = read_mesh_files(str(file), "")
    file.write_text("# comment\ntrustDomain: a\nnews: 1\n")
    after = read_mesh_files(str(file), "", before)
    assert after.mesh is before.mesh
    assert [problem.field for problem in after.problems] == ["news"]


async def test_both_files_are_watched(tmp_path: Path) -> None:
    mesh, networks = tmp_path / "m" / "mesh.yaml", tmp_path / "n" / "net.yaml"
    mesh.parent.mkdir()
    networks.parent.mkdir()
    mesh.write_text("trustDomain: a\n")
    async with aclosing(watch_mesh_files(str(mesh), str(networks), settle=0.05, poll=30)) as versions:
        first = await asyncio.wait_for(anext(versions), 10)
        assert (first.mesh.trust_domain, first.networks.networks) == ("a", {})
        mesh.write_text("trustDomain: b\n")
        assert (await asyncio.wait_for(anext(versions), 10)).mesh.trust_domain == "b"
        networks.write_text("networks: {n: {endpoints: [{fromRegistry: c}]}}")
        assert "n" in (await asyncio.wait_for(anext(versions), 10)).networks.networks
        mesh.write_text("trustDomain: [\n")
        broken = await asyncio.wait_for(anext(versions), 10)
        assert (broken.mesh.trust_domain, broken.is_broken) == ("b", True)
        mesh.write_text("trustDomain: c\n")
        mended = await asyncio.wait_for(anext(versions), 10)
        assert (mended.mesh.trust_domain, mended.problems) == ("c", ())


async def test_without_files_defaults_are_said_once() -> None:
    assert [settings async for settings in watch_mesh_files()] == [MeshFiles()]
