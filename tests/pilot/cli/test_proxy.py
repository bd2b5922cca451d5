from datetime import timedelta
from pathlib import Path

import click
import pytest

from pilot.agent.errors import OptionError
from pilot.agent.options import Address, AgentOptions, KeyType, Protocol, Renewal, Statistics
from pilot.agent.token import BearerToken, FixedToken, NoToken, TokenCommand, TokenFile
from pilot.cli.proxy import TOKEN_VARIABLE, agent_options, parse_address, parse_seconds, proxy
from pilot.view.proxy import Interception, ProxyKind

LEAST = ("--id", "reviews-v1-a", "--namespace", "default", "--ip", "127.0.0.21", "--root", "/state/root-cert.pem")


def parse(*arguments: str) -> AgentOptions:
    context = proxy.make_context("proxy", [*LEAST, *arguments])
    return agent_options(Path("/run/p"), context.params)


def test_little_is_enough() -> None:
    assert parse() == AgentOptions(
        pod="reviews-v1-a",
        namespace="default",
        ip="127.0.0.21",
        root=Path("/state/root-cert.pem"),
        run_dir=Path("/run/p"),
    )


def test_everything_can_be_said() -> None:
    found = parse(
        *("--service-account", "sa", "--trust-domain", "td", "--type", "router", "--labels", "app=a,version=v1"),
        *("--workload", "w", "--cluster", "c", "--network", "n", "--locality", "r/z", "--meta", "MESH_ID=m"),
        *("--meta", 'PROXY_CONFIG:={"concurrency": 3}', "--meta", 'POD_PORTS=[{"containerPort":1}]'),
        *("--discovery", "[::1]:15012", "--discovery-name", "istiod.x.svc", "--token-file", "/t", "--key", "rsa2048"),
        *("--lifetime", "60", "--renew-at", "0.4", "--interception", "TPROXY", "--http-proxy-port", "15007", "--sotw"),
        *("--admin", ":0", "--status-port", "0", "--drain", "0.5", "--concurrency", "1", "--stats", "all"),
        *("--envoy", "/bin/envoy", "--log-level", "info"),
    )
    assert found == AgentOptions(
        pod="reviews-v1-a",
        namespace="default",
        ip="127.0.0.21",
        root=Path("/state/root-cert.pem"),
        run_dir=Path("/run/p"),
        service_account="sa",
        trust_domain="td",
        kind=ProxyKind.ROUTER,
        labels={"app": "a", "version": "v1"},
        workload="w",
        cluster_id="c",
        network="n",
        locality="r/z",
        metadata={"MESH_ID": "m", "PROXY_CONFIG": {"concurrency": 3}, "POD_PORTS": '[{"containerPort":1}]'},
        discovery=Address("::1", 15012),
        discovery_name="istiod.x.svc",
        token=TokenFile(Path("/t")),
        key_type=KeyType.RSA2048,
        lifetime=timedelta(minutes=1),
        renewal=Renewal(fraction=0.4),
        interception=Interception.TPROXY,
        http_proxy_port=15007,
        protocol=Protocol.STATE_OF_THE_WORLD,
        admin=Address("127.0.0.1", 0),
        status=Address("127.0.0.21", 0),
        drain=timedelta(milliseconds=500),
        concurrency=1,
        statistics=Statistics.ALL,
        envoy=Path("/bin/envoy"),
        log_level="info",
    )


def test_a_token_comes_from_one_of_three_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert parse().token == NoToken()
    assert parse("--token", "t").token == FixedToken(BearerToken("t"))
    assert parse("--token-command", "print it").token == TokenCommand("print it")
    monkeypatch.setenv(TOKEN_VARIABLE, "from-environment")
    assert parse().token == FixedToken(BearerToken("from-environment"))
    assert parse("--token-file", "/t").token == TokenFile(Path("/t"))


@pytest.mark.parametrize(
    "arguments", [("--token", "t", "--token-file", "/t"), ("--token-file", "/t", "--token-command", "c")]
)
def test_two_tokens_are_one_too_many(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(click.UsageError, match="expected one of --token, --token-file and --token-command"):
        parse(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--discovery", "127.0.0.1"), "expected HOST:PORT, got '127.0.0.1'"),
        (("--admin", "127.0.0.1:70000"), "expected HOST:PORT"),
        (("--drain", "soon"), "expected seconds, got 'soon'"),
        (("--labels", "app"), "--labels: expected K=V, got 'app'"),
        (("--meta", "=x"), "--meta: expected K=V, got '=x'"),
        (("--meta", "A:={"), "--meta A:: expected JSON after :="),
        (("--type", "ztunnel"), "'ztunnel' is not one of"),
    ],
)
def test_nonsense_is_named_with_what_was_expected(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        parse(*arguments)
    assert words in caught.value.format_message()


def test_a_contradiction_is_told_by_the_agent() -> None:
    with pytest.raises(OptionError, match="is not within a certificate's life"):
        parse("--renew-at", "1")


def test_values_that_are_parsed_stay_as_they_are() -> None:
    assert parse_seconds(timedelta(seconds=1)) == timedelta(seconds=1)
    assert parse_address(Address("::1", 1)) == Address("::1", 1)


def test_what_kind_of_proxy_it_is_may_be_said_as_other_agents_take_it() -> None:
    assert parse("waypoint").kind is ProxyKind.WAYPOINT
    assert parse().kind is ProxyKind.SIDECAR
