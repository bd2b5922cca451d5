"""Templates that are run: control structures, variables, definitions, calls."""

from typing import Any

import pytest

from webhook.gotemplate.errors import ExecutionError, TemplateSyntaxError
from webhook.gotemplate.template import parse_template
from webhook.gotemplate.values import Function

DATA = {"L": [1, 2, 3, 4], "M": {"b": 2, "a": 1}, "E": [], "F": Function(lambda a, b: f"{a}{b}", ("any", "any"))}


def render(text: str, data: Any = DATA) -> str:
    return parse_template("t", text).render(data)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{range .L}}{{.}},{{end}}", "1,2,3,4,"),
        ("{{range $i, $e := .L}}{{$i}}{{$e}} {{end}}", "01 12 23 34 "),
        ("{{range $k, $v := .M}}{{$k}}{{$v}}{{end}}", "a1b2"),
        ("{{range .E}}x{{else}}none{{end}}{{range .Z}}{{else}}nil{{end}}", "nonenil"),
        ("{{range 3}}{{.}}{{end}}{{range $x := 2}}{{$x}}{{end}}", "01201"),
        ("{{range .L}}{{if eq . 2}}{{continue}}{{end}}{{if gt . 3}}{{break}}{{end}}{{.}}{{end}}", "13"),
        ("{{range .L}}{{range $.L}}{{break}}{{end}}{{.}}{{end}}", "1234"),
        ("{{$x := 0}}{{range .L}}{{$x = .}}{{end}}{{$x}}", "4"),
        ("{{$i := 0}}{{$e := 0}}{{range $i, $e = .L}}{{end}}{{$i}}{{$e}}", "34"),
        ("{{$e := 0}}{{range $e = .L}}{{end}}{{$e}}", "4"),
        ("{{with .M}}{{.a}}{{else}}no{{end}}{{with .E}}{{else with .L}}{{index . 0}}{{end}}", "11"),
        ("{{with $y := .M.b}}{{$y}}{{.}}{{$.M.a}}{{end}}", "221"),
        ("{{if .E}}a{{else if .L}}b{{end}}", "b"),
        ("{{define `f`}}<{{.}}{{$}}>{{end}}{{template `f` 1}}{{template `f`}}", "<11><<no value><no value>>"),
        ("{{block `b` .M}}{{.a}}{{end}}", "1"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x = 3}}{{end}}{{$x}}", "1"),
        ("{{call .F 1 `b`}} {{1 | call .F `a`}}", "1b a1"),
        ("{{(index .L 1) | printf `%d-%d` 7}}", "7-2"),
        ("{{.M.z}}{{.M.z.y.x}}", "<no value><no value>"),
        ("{{true}}{{nil | print}}", None),
    ],
)
def test_output(text: str, output: str | None) -> None:
    if output is None:
        with pytest.raises(ExecutionError, match="nil is not a command"):
            render(text)
    else:
        assert render(text) == output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\n {{index .L 9}}",
            'template: t:2:3: executing "t" at <index .L 9>: error calling index: index out of range: 9',
        ),
        ("{{.L.x}}", 'template: t:1:4: executing "t" at <.L.x>: can\'t evaluate field x in type interface {}'),
        ("{{template `no`}}", 'template: t:1:11: executing "t" at <{{template "no"}}>: template "no" not defined'),
        ("{{range true}}{{end}}", 'template: t:1:8: executing "t" at <true>: range can\'t iterate over true'),
        (
            "{{define `f`}}{{.x}}{{end}}{{template `f` 1}}",
            'template: t:1:16: executing "f" at <.x>: can\'t evaluate field x in type int',
        ),
        ("{{1 2}}", 'template: t:1:2: executing "t" at <1>: can\'t give argument to non-function 1'),
        ("{{and}}", 'template: t:1:2: executing "t" at <and>: wrong number of args for and: want at least 1 got 0'),
        ("{{not}}", 'template: t:1:2: executing "t" at <not>: wrong number of args for not: want 1 got 0'),
        ("{{printf 3}}", 'template: t:1:9: executing "t" at <3>: expected string; found 3'),
        (
            "{{printf .L}}",
            'template: t:1:9: executing "t" at <.L>: wrong type for value; expected string; got []interface {}',
        ),
        ("{{nil.x}}", None),
    ],
)
def test_errors_say_where(text: str, message: str | None) -> None:
    if message is None:
        with pytest.raises(TemplateSyntaxError, match="after term"):
            render(text)
        return
    with pytest.raises(ExecutionError) as caught:
        render(text)
    assert str(caught.value) == message
