"""Pods as templates see them."""

from typing import Any

import pytest

from webhook.gotemplate.errors import ExecutionError
from webhook.gotemplate.template import parse_template
from webhook.injection.pod_object import Record, Struct

POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostIP": "1.2.3.4"}]}], "priority": 5},
}


def render(text: str) -> str:
    data = Record(
        "data", ObjectMeta=Struct(POD["metadata"], "ObjectMeta"), Spec=Struct(POD["spec"], "PodSpec"), Name="n"
    )
    return parse_template("t", text).render(data)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        (
            "{{.Name}} {{.ObjectMeta.Labels.app}} {{index .ObjectMeta.Labels `z`}}|{{.ObjectMeta.Labels.z}}",
            "n a |<no value>",
        ),
        ("{{.ObjectMeta.Name}}|{{.Spec.HostNetwork}} {{.Spec.Priority}}", "|false 5"),
        (
            "{{range .Spec.Containers}}{{.Name}}{{range .Ports}}{{.ContainerPort}}{{.HostIP}}{{end}}{{end}}",
            "c801.2.3.4",
        ),
        ("{{if .Spec.SecurityContext}}x{{else}}none{{end}}{{range .Spec.Volumes}}x{{end}}", "none"),
        (
            "{{with index .Spec.Containers 0}}{{if .Resources}}r{{end}}{{range .Resources.Limits}}{{end}}{{end}}",
            "r",
        ),
    ],
)
def test_fields_by_their_names_in_go(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.parametrize("text", ["{{.Spec.containers}}", "{{.Spec.SecurityContext.RunAsUser}}", "{{.Nope}}"])
def test_what_is_not_there_is_an_error(text: str) -> None:
    with pytest.raises(ExecutionError):
        render(text)


def test_structs_know_their_fields_and_types() -> None:
    port = Struct({"containerPort": 1}, "ContainerPort")
    assert dict(port.fields())["containerPort"] == 1
    assert port.go_type == "v1.ContainerPort"
    assert dict(Record("r", A=1).fields()) == {"A": 1}
