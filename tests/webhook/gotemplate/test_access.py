"""Fields, methods, arguments, and what one rendering may use up."""

from typing import Any

import pytest

from webhook.gotemplate.access import printed
from webhook.gotemplate.errors import ExecutionError, LimitError
from webhook.gotemplate.limits import Limits
from webhook.gotemplate.template import parse_template
from webhook.gotemplate.values import Function, Method, Object


class Thing(Object):
    go_type = "*x.Thing"

    def __init__(self, *, nil: bool = False) -> None:
        self.is_nil = nil

    def look_up(self, name: str) -> Any:
        if name == "GetName":
            return Method(lambda: "" if self.is_nil else "thing")
        if name == "Join":
            return Method(lambda left, right: f"{left}+{right}", ("string", "string"))
        if name == "Name":
            return "thing"
        raise KeyError(name)


def failing(value: Any) -> Any:
    raise ZeroDivisionError("so it ends")


FUNCTIONS = {
    "text": Function(lambda value: value, ("string",)),
    "number": Function(lambda value: value, ("int",)),
    "float": Function(lambda value: value, ("float64",)),
    "mapping": Function(len, ("map",)),
    "failing": Function(failing, ("any",)),
}


def render(text: str, limits: Limits | None = None) -> str:
    data = {"T": Thing(), "N": Thing(nil=True), "M": {"a": 1}, "S": "s"}
    return parse_template("t", text, FUNCTIONS).render(data, limits)


def test_fields_and_methods() -> None:
    assert render('{{.T.Name}} {{.T.GetName}} {{.N.GetName}}| {{.T.Join "a" "b"}} {{"c" | .T.Join "a"}}') == (
        "thing thing | a+b a+c"
    )


def test_constants_fit_the_parameter() -> None:
    assert render("{{float 1}} {{text `a`}} {{number 'a'}} {{mapping nil}} {{mapping .M}}") == "1 a 97 0 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{.N.Name}}", "nil pointer evaluating *x.Thing.Name"),
        ("{{.T.Nope}}", "can't evaluate field Nope in type interface {}"),
        ("{{.T.Name 1}}", "Name has arguments but cannot be invoked as function"),
        ("{{.M.a 1}}", "a is not a method but has arguments"),
        ("{{.T.Join `a`}}", "wrong number of args for Join: want 2 got 1"),
        ("{{text .M}}", "wrong type for value; expected string; got map[string]interface {}"),
        ("{{text .M.z}}", "invalid value; expected string"),
        ("{{text nil}}", "cannot assign nil to string"),
        ("{{number `a`}}", "expected integer; found `a`"),
        ("{{mapping 1}}", "can't handle 1 for arg of type map[string]interface {}"),
        ("{{failing 1}}", "error calling failing: so it ends"),
    ],
)
def test_complaints(text: str, message: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        render(text)
    assert str(caught.value).endswith(message)


def test_nothing_prints_as_go_prints_it() -> None:
    assert (printed(None), printed([None])) == ("<no value>", "[<nil>]")


def test_steps_and_output_are_limited() -> None:
    with pytest.raises(LimitError, match="steps"):
        render("{{range 1000}}{{range 1000}}{{end}}{{end}}", Limits(steps=10_000))
    with pytest.raises(LimitError, match="output"):
        render("{{range 1000}}0123456789{{end}}", Limits(output=1000))


def test_recursion_is_limited() -> None:
    with pytest.raises(LimitError, match="depth"):
        render("{{define `r`}}{{template `r`}}{{end}}{{template `r`}}")
