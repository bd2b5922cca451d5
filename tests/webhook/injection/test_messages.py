"""Messages of mesh and proxy configuration: their JSON, and what templates see."""

from typing import Any

import pytest

from webhook.gotemplate.template import parse_template
from webhook.injection.messages import FORMAT_DURATION, Message, as_written, decode, parse_duration


def test_data_become_canonical() -> None:
    data = {
        "status_port": "15021", "drainDuration": "1m", "concurrency": 0, "interceptionMode": 1, "unknown": 1,
        "proxyMetadata": {"A": "b"}, "tracing": {"sampling": 12.5, "zipkin": {"address": ""}}, "configPath": "",
        "holdApplicationUntilProxyStarts": False, "extraStatTags": [],
    }  # fmt: skip
    assert as_written(decode(data, "ProxyConfig"), "ProxyConfig") == {
        "drainDuration": "60s", "concurrency": 0, "interceptionMode": "TPROXY", "statusPort": 15021,
        "tracing": {"zipkin": {}, "sampling": 12.5}, "proxyMetadata": {"A": "b"},
        "holdApplicationUntilProxyStarts": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"statusPort": "x"}, "statusPort: expected int32, got 'x'"),
        ({"statusPort": 2**40}, "statusPort: expected int32"),
        ({"drainDuration": 5}, "drainDuration: expected a duration"),
        ({"drainDuration": "soon"}, "drainDuration: expected a duration"),
        ({"interceptionMode": "SOME"}, "interceptionMode: expected one of REDIRECT, TPROXY, NONE"),
        ({"proxyMetadata": {"A": 1}}, "proxyMetadata.A: expected string"),
        ({"proxyMetadata": []}, "proxyMetadata: expected an object"),
        ({"tracing": {"sampling": "much"}}, "tracing.sampling: expected double"),
        ({"extraStatTags": "a"}, "extraStatTags: expected a list"),
        ({"tracing": 1}, "tracing: expected an object"),
        ([], "ProxyConfig: expected an object"),
    ],
)
def test_malformed_data_are_refused_by_field(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        decode(data, "ProxyConfig")


@pytest.mark.parametrize(("text", "seconds"), [("1h2m3s", 3723.0), ("100ms", 0.1), ("-1.5s", -1.5), ("0", 0.0)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


def render(text: str, **data: Any) -> str:
    functions = {"formatDuration": FORMAT_DURATION}
    return parse_template("t", text, functions).render({"P": Message(decode(data, "ProxyConfig"), "ProxyConfig")})


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{.P.InterceptionMode}} {{.P.InterceptionMode.String}} {{.P.InterceptionMode.Number}}", "TPROXY TPROXY 1"),
        (
            "{{.P.Concurrency.GetValue}} {{.P.Concurrency.Value}} {{if .P.Image}}i{{end}}{{.P.GetStatusPort}}",
            "2 2 15020",
        ),
        ("{{.P.HoldApplicationUntilProxyStarts.GetValue}}{{if .P.HoldApplicationUntilProxyStarts}}x{{end}}", "false"),
        ("{{.P.GetTracing.GetTlsSettings.GetCaCertificates}}|{{if .P.GetTracing}}x{{end}}", "|"),
        ("{{formatDuration .P.DrainDuration}} {{formatDuration .P.TerminationDrainDuration}}", "1m30s 250ms"),
        ("{{.P.DrainDuration.Seconds}} {{.P.ProxyMetadata.A}} {{index .P.ProxyMetadata `Z`}}|", "90 b |"),
        ("{{range .P.ExtraStatTags}}{{.}}{{end}} {{.P.ConfigPath}}|", "ab |"),
    ],
)
def test_templates_see_go_names_and_getters(text: str, output: str) -> None:
    data = {
        "interceptionMode": "TPROXY", "concurrency": 2, "statusPort": 15020, "drainDuration": "90s",
        "terminationDrainDuration": "250ms", "proxyMetadata": {"A": "b"}, "extraStatTags": ["a", "b"],
    }  # fmt: skip
    assert render(text, **data) == output


def test_a_nil_message_is_told_from_an_empty_one() -> None:
    with pytest.raises(Exception, match=r"nil pointer evaluating \*v1alpha1.Tracing.Sampling|interface"):
        render("{{.P.Tracing.Sampling}}")
    assert dict(Message({"image": {"imageType": "debug"}}, "ProxyConfig").fields()).keys() == {"image"}
    assert Message(None, "ProxyConfig").go_type == "*v1alpha1.ProxyConfig"


@pytest.mark.parametrize(
    ("written", "told"), [("2m", "120s"), ("1.5s", "1.500s"), ("250ms", "0.250s"), ("1.0005s", "1.000500s")]
)
def test_fractions_of_seconds_have_three_six_or_nine_digits(written: str, told: str) -> None:
    assert decode({"drainDuration": written}, "ProxyConfig") == {"drainDuration": told}
