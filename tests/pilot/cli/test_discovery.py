"""istiod's flags become our settings."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from pilot import app
from pilot.cli.discovery import DURATION, main
from pilot.operating import LogSettings
from pilot.settings import Addresses, Settings
from pilot.version import VERSION

Start = Callable[..., tuple[Settings, Result]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs `pilot-discovery discovery` with these arguments up to the point where it would serve."""
    seen: list[Settings] = []
    monkeypatch.setattr(app, "run", seen.append)

    def run(*arguments: str, **environment: str) -> tuple[Settings, Result]:
        result = CliRunner().invoke(main, ["discovery", *arguments], env=environment)
        assert result.exit_code == 0, result.output
        return seen.pop(), result

    return run


def test_without_flags_everything_is_as_istiod_has_it(start: Start) -> None:
    settings, _ = start()
    assert settings.addresses == Addresses()
    assert settings.config_dir is None
    assert settings.shutdown == timedelta(seconds=10)


def test_every_flag_has_its_effect(start: Start) -> None:
    settings, _ = start(
        *("--configDir", "/c", "--meshConfig", "/m", "--networksConfig", "/n", "--stateDir", "/s"),
        *("--httpAddr", "h:1", "--httpsAddr", "h:2", "--grpcAddr", "h:3", "--secureGRPCAddr", "h:4"),
        *("--monitoringAddr", "h:5", "--domain", "d.local", "--clusterID", "east", "-n", "mesh"),
        *("--shutdownDuration", "3s", "--keepaliveInterval", "20s", "--keepaliveTimeout", "5s"),
        *("--keepaliveMaxServerConnectionAge", "30m", "--log_output_level", "ads:debug", "--log_as_json"),
    )
    assert (settings.config_dir, settings.mesh_config) == (Path("/c"), Path("/m"))
    assert (settings.networks_config, settings.state_dir) == (Path("/n"), Path("/s"))
    assert settings.addresses == Addresses("h:1", "h:2", "h:3", "h:4", "h:5")
    features, tuning = settings.features, settings.tuning
    assert (features.cluster_domain, features.cluster_id, features.system_namespace) == ("d.local", "east", "mesh")
    assert settings.shutdown == timedelta(seconds=3)
    assert (tuning.keepalive_interval, tuning.keepalive_timeout) == (timedelta(seconds=20), timedelta(seconds=5))
    assert tuning.max_connection_age == timedelta(minutes=30)
    assert (settings.log_level, settings.log_as_json) == ("ads:debug", True)


def test_flags_that_mean_nothing_here_are_a_warning(start: Start) -> None:
    settings, _ = start("--tlsCertFile=/x", "--nobodyKnows", "x", "--grpcAddr", "")
    assert [each for each in settings.warnings if "--tlsCertFile" in each]
    assert [each for each in settings.warnings if "--nobodyKnows" in each]
    assert settings.addresses.grpc == ""


@pytest.mark.parametrize("flag", ["--profile", "--profile=false", "--vklog=3"])
def test_flags_of_istiod_without_effect_are_known(start: Start, flag: str) -> None:
    assert start(flag)[0].warnings == start()[0].warnings


@pytest.mark.parametrize(("given", "expected"), [((), True), (("=true",), True), (("=F",), False)])
def test_switches_are_as_go_reads_them(start: Start, given: tuple[str, ...], expected: bool) -> None:
    settings, _ = start("--log_as_json" + "".join(given), "--profile")
    assert settings.log_as_json is expected
    assert "expected true or false" in CliRunner().invoke(main, ["discovery", "--log_as_json=maybe"]).output


def test_there_is_one_kind_of_registry(start: Start) -> None:
    assert start("--registries=")[0].kubernetes is None
    result = CliRunner().invoke(main, ["discovery", "--registries", "Kubernetes,Consul"])
    assert (result.exit_code, "expected Kubernetes or nothing, got Consul" in result.output) == (2, True)


def test_the_version_is_told_to_programs_too() -> None:
    assert CliRunner().invoke(main, ["version", "--short"]).output == f"{VERSION}\n"
    told = json.loads(CliRunner().invoke(main, ["version", "-o", "json"]).output)
    assert told["clientVersion"]["version"] == "1.29.1"


def test_environment_speaks_where_no_flag_does(start: Start) -> None:
    environment = {"CLUSTER_ID": "west", "MESHPILOT_STATE_DIR": "/var/mesh"}
    settings, _ = start(**environment)
    assert (settings.features.cluster_id, settings.state_dir) == ("west", Path("/var/mesh"))
    settings, _ = start("--clusterID", "east", "--stateDir", "/s", **environment)
    assert (settings.features.cluster_id, settings.state_dir) == ("east", Path("/s"))


def test_a_reason_not_to_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> None:
        raise app.StartError("cannot listen on 1.2.3.4:5")

    monkeypatch.setattr(app, "run", refuse)
    result = CliRunner().invoke(main, ["discovery", "--configDir", "/c"])
    *_, flag, said = result.output.splitlines()
    assert (result.exit_code, said) == (1, "Error: cannot listen on 1.2.3.4:5")
    assert flag.endswith('\tFLAG: --configDir="/c"')


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(minutes=90)),
        ("infinite", None),
        ("2562047h47m16.854775807s", None),
    ],
)
def test_durations_are_written_as_go_does(text: str, found: timedelta | None) -> None:
    assert DURATION.convert(text, None, None) == found


@pytest.mark.parametrize("text", ["30", "soon", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


def test_version_is_printed() -> None:
    assert CliRunner().invoke(main, ["version"]).output == f"{VERSION}\n"


def test_flags_of_logs_and_of_controlz(start: Start) -> None:
    settings, _ = start(
        *("--log_target", "stderr", "--log_target", "stdout", "--log_stacktrace_level", "ads:error"),
        *("--log_caller", "ads,ca", "--ctrlz_port", "0", "--ctrlz_address", "*", "--vklog", "3"),
    )
    wanted = settings.operating
    assert wanted.logs == LogSettings(("stderr", "stdout"), "ads:error", "ads,ca")
    assert (wanted.controlz_port, wanted.controlz_address) == (0, "*")
    assert settings.warnings == ()


async def test_a_request_is_put_to_the_control_plane_on_this_machine() -> None:
    async def answer(asked: web.Request) -> web.Response:
        body = await asked.text()
        return web.Response(text=f"{asked.method} {asked.path_qs} {body}", status=404 if "none" in asked.path else 200)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    async with TestServer(application) as server:
        port = str(server.port)

        def ask(*words: str) -> Result:
            return CliRunner().invoke(main, ["request", *words, "--port", port])

        found = await asyncio.to_thread(ask, "get", "debug/syncz?x=1")
        assert (found.exit_code, found.output) == (0, "GET /debug/syncz?x=1 ")
        assert (await asyncio.to_thread(ask, "POST", "/x", "hello")).output == "POST /x hello"
        refused = await asyncio.to_thread(ask, "GET", "none")
        assert (refused.exit_code, "404" in refused.output) == (1, True)
    gone = await asyncio.to_thread(ask, "GET", "debug/syncz")
    assert (gone.exit_code, "no answer" in gone.output) == (1, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_our_words(shell: str) -> None:
    assert "_PILOT_DISCOVERY_COMPLETE" in CliRunner().invoke(main, ["completion", shell]).output


def test_words_that_are_no_flags_are_an_error() -> None:
    found = CliRunner().invoke(main, ["discovery", "now"])
    assert (found.exit_code, "expected flags only, got now" in found.output) == (2, True)
