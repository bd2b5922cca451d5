"""Go's own functions, by way of templates."""

from typing import Any

import pytest

from webhook.gotemplate.errors import ExecutionError
from webhook.gotemplate.template import parse_template
from webhook.gotemplate.values import TypedMap


def render(text: str, data: Any = None) -> str:
    return parse_template("t", text).render(data)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        (
            '{{eq 1 2 3 1}} {{ne "a" "b"}} {{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1.5 2.5}}',
            "true true true true true false",
        ),
        ('{{and 1 0 2}} {{or 0 "" "x"}} {{not 0}} {{and 1 2}} {{or 0 ""}}', "0 x true 2 "),
        ('{{len "é"}} {{len .L}} {{len .M}}', "2 3 1"),
        ("{{index .L 1}} {{index .M `k`}} {{index .M `z`}} {{index .T `z`}}|{{index `abc` 1}}", "2 v <no value> |98"),
        ("{{slice .L 1}} {{slice `abcd` 1 3}} {{slice .L 0 2 2}}", "[2 3] bc [1 2]"),
        ('{{print 1 2 "a"}} {{println 1 "a"}}{{printf "%d-%s" 1 "x"}}', "1 2a 1 a\n1-x"),
        (
            '{{html "<a&\'>"}} {{js "a\'<\\n=é"}} {{urlquery "a b&é"}}',
            "&lt;a&amp;&#39;&gt; a\\'\\u003C\\u000A\\u003Dé a+b%26%C3%A9",
        ),
        ("{{html nil}}", "&lt;no value&gt;"),
        ("{{eq .N nil}} {{eq .L nil}} {{ne .N nil}}", "true false false"),
    ],
)
def test_results(text: str, output: str) -> None:
    data = {"L": [1, 2, 3], "M": {"k": "v"}, "T": TypedMap(), "N": None}
    assert render(text, data) == output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{index .L 5}}", "error calling index: index out of range: 5"),
        ("{{index .L `a`}}", "error calling index: cannot index slice/array with type string"),
        ("{{index .M 1}}", "error calling index: value has type int; should be string"),
        ("{{index nil 1}}", "error calling index: index of untyped nil"),
        ("{{index 1 1}}", "error calling index: can't index item of type int"),
        ('{{eq 1 "a"}}', "error calling eq: incompatible types for comparison: int and string"),
        ("{{eq 1}}", "error calling eq: missing argument for comparison"),
        ("{{lt true false}}", "error calling lt: invalid type for comparison"),
        ("{{len 3}}", "error calling len: len of type int"),
        ("{{slice `a` 0 1 1}}", "error calling slice: cannot 3-index slice a string"),
        ("{{slice .L 2 1}}", "error calling slice: invalid slice index: 2 > 1"),
        ("{{call nil}}", "error calling call: call of nil"),
        ("{{call 1}}", "error calling call: non-function 1 of type int"),
    ],
)
def test_complaints(text: str, message: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        render(text, {"L": [1, 2, 3], "M": {}})
    assert str(caught.value).endswith(message)
