"""Templates against Go's own, and against whatever hypothesis makes up."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import TemplateError
from webhook.gotemplate.limits import Limits
from webhook.gotemplate.template import parse_template

DATA: dict[str, Any] = {
    "a": "text", "b": "", "n": 3.0, "z": 0.0, "big": 1234567.0, "t": True, "f": False, "nil": None,
    "l": ["x", 2.5, None, True, ["y"]], "e": [], "m": {"k": "v", "deep": {"er": [1.0, 2.0]}}, "none": {},
}  # fmt: skip

GO = """package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type result struct {
	Output string
	Failed bool
	Parsed bool
	Message string
}

func main() {
	var in struct { Data map[string]any; Templates []string }
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil { panic(err) }
	out := make([]result, 0)
	for _, text := range in.Templates {
		r := result{}
		t, err := template.New("t").Parse(text)
		if err != nil {
			r.Failed, r.Message = true, err.Error()
		} else {
			r.Parsed = true
			var b strings.Builder
			err := t.Execute(&b, in.Data)
			if err != nil { r.Failed, r.Message = true, err.Error() } else { r.Output = b.String() }
		}
		out = append(out, r)
	}
	json.NewEncoder(os.Stdout).Encode(out)
}
"""


def ask_go(templates: list[str], directory: Path) -> list[dict[str, Any]]:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go on PATH: nothing to compare with")
    source = directory / "main.go"
    source.write_text(GO)
    binary = directory / "ask"
    subprocess.run([go, "build", "-o", str(binary), str(source)], check=True, capture_output=True, timeout=170)
    asked = json.dumps({"Data": DATA, "Templates": templates})
    answer = subprocess.run([str(binary)], input=asked, capture_output=True, text=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


VALUES = st.sampled_from(
    [".", "$", ".a", ".b", ".n", ".z", ".big", ".t", ".f", ".nil", ".l", ".e", ".m", ".m.k", ".m.deep.er", ".none.x.y",
     "1", "0", "-7", "2.5", '"s"', "`r`", "true", "false", "'c'", "nil", "1e3", "0x1F", ".a.b", "(index .l 1)", "$x"]
)  # fmt: skip
CALLS = st.sampled_from(
    ["print", "printf", "println", "len", "index", "slice", "not", "and", "or", "eq", "ne", "lt", "le", "gt", "ge",
     "html", "js", "urlquery"]
)  # fmt: skip
FORMATS = st.sampled_from(
    ['"%v"', '"%d|%s"', '"%q %v"', '"%5v|%-6v|"', '"%t"', '"%x"', '"%T"', '"%08.3f"', '"%+v %#v"', '"%6.2v"', '"%%"',
     '"%s %s %s"', '"%e"', '"%g"', '"%c %U"', '"%o %b"', '"%!"', '"%z"', '"%5t"', '"% d"', '"%+d"', '"%.2s"', '"%*d"']
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> str:
    name = draw(CALLS)
    arguments = draw(st.lists(st.one_of(VALUES, PIPES), max_size=3))
    if name == "printf":
        arguments.insert(0, draw(FORMATS))
    return " ".join([name, *arguments])


def _piped(parts: list[str]) -> str:
    return " | ".join(parts)


PIPES: st.SearchStrategy[str] = st.deferred(
    lambda: st.builds(lambda inner: f"({inner})", st.lists(calls(), min_size=1, max_size=2).map(_piped))
)
PIPELINES = st.one_of(VALUES, st.lists(calls(), min_size=1, max_size=3).map(_piped))
TEXTS = st.sampled_from(["", " ", "a\n", " \n\t b ", "}}", "{ {", "é"])


def _action(inner: str, left: str, right: str) -> str:
    return f"{{{{{left}{inner}{right}}}}}"


TRIMS = st.sampled_from(["", "", "- "])
ENDS = st.sampled_from(["", "", " -"])


@st.composite
def statements(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(
        st.sampled_from(["text", "pipe", "pipe", "declare", "comment", "if", "with", "range", "template", "break"])
    )
    left, right = draw(TRIMS), draw(ENDS)
    if kind == "text" or (depth > 2 and kind in ("if", "with", "range")):
        return draw(TEXTS)
    if kind == "comment":
        return _action("/* c */", left, right)
    pipeline = draw(PIPELINES)
    if kind == "declare":
        return _action(f"$x {draw(st.sampled_from([':=', '=']))} {pipeline}", left, right)
    if kind == "template":
        return _action(f'template "d" {pipeline}', left, right)
    if kind == "break":
        return _action(draw(st.sampled_from(["break", "continue", "end", "else"])), left, right)
    if kind == "pipe":
        return _action(pipeline, left, right)
    body = "".join(draw(st.lists(statements(depth + 1), max_size=3)))
    otherwise = draw(st.sampled_from(["", "{{else}}", f"{{{{else {kind} {pipeline}}}}}" if kind != "range" else ""]))
    variables = draw(st.sampled_from(["", "$x := ", "$i, $x := "])) if kind == "range" else ""
    tail = otherwise + draw(TEXTS) if otherwise else ""
    return _action(f"{kind} {variables}{pipeline}", left, right) + body + tail + _action("end", left, right)


TEMPLATES = st.lists(statements(), min_size=1, max_size=5).map(
    lambda parts: '{{define "d"}}<{{.}}>{{end}}{{$x := 1}}' + "".join(parts)
)

LIMITS = Limits(steps=20_000, output=100_000)


def ours(text: str) -> dict[str, Any]:
    parsed = False
    try:
        template = parse_template("t", text)
        parsed = True
        return {"Output": template.render(DATA, LIMITS), "Failed": False, "Parsed": True, "Message": ""}
    except TemplateError as error:
        return {"Output": "", "Failed": True, "Parsed": parsed, "Message": str(error)}


@pytest.mark.timeout(240)
def test_templates_do_what_they_do_in_go(tmp_path: Path) -> None:
    """Hypothesis makes the templates, Go does them all at once: same output, or both refuse, at the same stage."""
    made: list[str] = []

    @settings(max_examples=600, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(TEMPLATES)
    def collect(text: str) -> None:
        made.append(text)

    collect()
    differing = []
    messages = same = 0
    for text, theirs in zip(made, ask_go(made, tmp_path), strict=True):
        mine = ours(text)
        if any(mine[key] != theirs[key] for key in ("Output", "Failed", "Parsed")):
            differing.append((text, mine, theirs))
        elif mine["Failed"]:
            messages += 1
            same += mine["Message"] == theirs["Message"]
    assert not differing, "\n".join(map(str, differing[:5])) + f"\n{len(differing)} of {len(made)}"
    assert same >= messages * 0.9, f"{same} of {messages} messages read alike"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="{}-/* .$|()\"'`:=,xrangeifd1\n%", max_size=60))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    ours(text)
    ours("{{" + text + "}}")


@st.composite
def sprig_calls(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(sprig.FUNCTIONS)))
    arguments = draw(
        st.lists(st.sampled_from([".a", ".n", ".l", ".m", ".nil", "3", '"x"', "-1", "1000000000", "true"]), max_size=4)
    )
    return "{{" + " ".join([name, *arguments]) + "}}"


@settings(max_examples=400, deadline=None)
@given(sprig_calls())
def test_no_function_crashes_or_hangs(text: str) -> None:
    with contextlib.suppress(TemplateError):
        parse_template("t", text, sprig.FUNCTIONS).render(json.loads(json.dumps(DATA)), LIMITS)


@pytest.mark.parametrize(
    "bomb",
    [
        '{{$x := "0123456789"}}{{range 60}}{{$x = print $x $x}}{{end}}{{$x}}',
        "{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{$x}}",
        "{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{toJson $x}}",
        "{{$x := list 1}}{{range 60}}{{$x = concat $x $x}}{{end}}",
        "{{range 1000000000}}{{end}}",
        '{{repeat 1000000000 "x"}}',
        "{{until 1000000000}}",
        '{{printf "%1000000000d" 1}}',
        '{{indent 1000000000 "x"}}',
        '{{regexReplaceAll "x*" (repeat 1000 "a") (repeat 10000 "b")}}',
        "{{define `r`}}{{template `r`}}{{template `r`}}{{end}}{{template `r`}}",
        '{{$d := dict}}{{$_ := set $d "d" $d}}{{$d}}',
        '{{$d := dict}}{{$_ := set $d "d" $d}}{{toJson $d}}',
        '{{$d := dict "a" 1}}{{$_ := set $d "d" $d}}{{deepCopy $d}}',
        '{{$d := dict "a" (dict)}}{{$_ := set $d.a "a" $d.a}}{{merge (dict "a" (dict "a" (dict))) $d}}',
    ],
)
@pytest.mark.timeout(20)
def test_bombs_are_put_out(bomb: str) -> None:
    with pytest.raises(TemplateError):
        parse_template("t", bomb, sprig.FUNCTIONS).render({})
