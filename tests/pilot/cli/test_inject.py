"""`meshpilot inject`, as people call it."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from pilot.cli.main import main
from tests.webhook.injection.recordings import as_data, documents, recordings

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: s}
"""


def run(*arguments: str, text: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, ["inject", *arguments], input=text, env=environment)


def containers(result: Result, place: int = 0) -> list[str]:
    document = [each for each in yaml.safe_load_all(result.stdout) if each][place]
    return [each["name"] for each in document["spec"]["template"]["spec"]["containers"]]


def test_standard_input_comes_out_with_proxies() -> None:
    result = run("-f", "-", text=DEPLOYMENT)
    assert result.exit_code == 0, result.output
    assert containers(result) == ["c", "istio-proxy"]
    assert result.stdout.count("\n---\n") == 2
    assert list(yaml.safe_load_all(result.stdout))[1] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
    }


def test_a_directory_is_walked(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(DEPLOYMENT)
    (tmp_path / "b.yml").write_text(DEPLOYMENT)
    (tmp_path / "c.txt").write_text("a: [")
    output = tmp_path / "out.yaml"
    result = run("-f", str(tmp_path), "-o", str(output))
    assert result.exit_code == 0, result.output
    assert len(documents(output)) == 4


def test_the_environment_asks_for_native_sidecars() -> None:
    assert containers(run("-f", "-", text=DEPLOYMENT, ENABLE_NATIVE_SIDECARS="true")) == ["c"]


def test_configuration_comes_from_files(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "templates: {sidecar: 'spec: {containers: [{name: istio-proxy, image: {{ .Values.i }}, "
        'args: ["{{ .MeshConfig.TrustDomain }}", "{{ .Revision }}"]}]}\'}'
    )
    (tmp_path / "values").write_text("i: mine")
    (tmp_path / "mesh").write_text("trustDomain: td")
    files = ["--injectConfigFile", "config", "--valuesFile", "values", "--meshConfigFile", "mesh"]
    paths = [str(tmp_path / each) if not each.startswith("-") else each for each in files]
    result = run("-f", "-", *paths, "--revision", "canary", text=DEPLOYMENT)
    assert result.exit_code == 0, result.output
    proxy = next(yaml.safe_load_all(result.stdout))["spec"]["template"]["spec"]["containers"][1]
    assert (proxy["image"], proxy["args"]) == ("mine", ["td", "canary"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "no YAML"),
        (DEPLOYMENT.replace("{app: web}", "{app: web}, annotations: {inject.istio.io/templates: z}"),
         "stdin: Deployment web: failed to run"),
        (DEPLOYMENT.replace("[{name: c, image: i}]", "x"), "expected a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_injected_ends_with_1(text: str, message: str) -> None:
    result = run("-f", "-", text=text)
    assert result.exit_code == 1
    assert message in result.stderr


def test_what_is_left_alone_is_said() -> None:
    result = run("-f", "-", text=DEPLOYMENT.replace("{app: web}", '{sidecar.istio.io/inject: "false"}'))
    assert '===> Skipping injection because Deployment "web" has sidecar injection disabled' in result.stderr
    assert containers(result) == ["c"]


def test_clusters_are_not_asked() -> None:
    result = run("-f", "-", "--injectConfigMapName", "x", text=DEPLOYMENT)
    assert result.exit_code == 2
    assert "name a file" in result.stderr


@pytest.mark.shared
def test_recordings_are_met_through_the_command() -> None:
    for recording in recordings():
        files = [f"--{name}={recording.file(key)}" for name, key in
                 (("injectConfigFile", "config"), ("valuesFile", "values"), ("meshConfigFile", "mesh"))]  # fmt: skip
        result = run(
            "-f", str(recording.directory / "in.yaml"), *files, "-r", recording.case["revision"],
            ENABLE_NATIVE_SIDECARS=recording.case["env"].get("ENABLE_NATIVE_SIDECARS", ""),
        )  # fmt: skip
        assert result.exit_code == recording.case["exitCode"], recording.name
        if recording.expected is not None:
            made = [each for each in yaml.safe_load_all(result.stdout) if each is not None]
            assert as_data(made) == as_data(recording.expected), recording.name
