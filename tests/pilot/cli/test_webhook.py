"""`meshpilot webhook manifest` prints what an API server needs to know."""

import base64
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from pilot.cli.webhook import webhook


def run(*arguments: str) -> Result:
    return CliRunner().invoke(webhook, ["manifest", *arguments])


def test_the_default_revision_has_three_objects() -> None:
    found = list(yaml.safe_load_all(run().stdout))
    assert [each["metadata"]["name"] for each in found] == [
        "istio-sidecar-injector",
        "istio-validator-istio-system",
        "istiod-default-validator",
    ]


def test_every_entry_is_written_out() -> None:
    assert "&id" not in run().stdout


def test_another_revision_is_reached_by_its_own_service() -> None:
    injection, validation = yaml.safe_load_all(run("-r", "canary").stdout)
    assert injection["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-canary"
    assert validation["webhooks"][0]["clientConfig"]["service"]["path"] == "/validate"
    named, _ = yaml.safe_load_all(run("-r", "canary", "--service", "mine").stdout)
    assert named["webhooks"][0]["clientConfig"]["service"]["name"] == "mine"


def test_a_url_and_its_roots_are_written_into_it(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("PEM")
    arguments = ("--url", "https://a:15017", "--caBundle", str(tmp_path / "root.pem"))
    injection, *_ = yaml.safe_load_all(run(*arguments, "--injectionPath", "/inject/cluster/c").stdout)
    client = injection["webhooks"][0]["clientConfig"]
    assert client["url"] == "https://a:15017/inject/cluster/c"
    assert base64.b64decode(client["caBundle"]) == b"PEM"


def test_what_no_api_server_calls_is_refused() -> None:
    assert run("--url", "http://a").exit_code == 2
    assert run("--injectionPath", "/elsewhere").exit_code == 2
