"""Nodes read as they were written: error messages quote them."""

import pytest

from webhook.gotemplate.nodes import Action
from webhook.gotemplate.parser import parse


@pytest.mark.parametrize(
    "written",
    [
        "{{.A.B}}", "{{$.A}}", "{{$x := 1}}", "{{(index .A 1).B | print nil true}}", '{{print "a" \'b\' 1.5 `c`}}',
        "{{. | print}}", '{{template "x" .A}}', '{{template "x"}}', "{{print.A}}",
    ],
)  # fmt: skip
def test_an_action_reads_as_it_was_written(written: str) -> None:
    tree = parse("t", written, {"index", "print"})
    [node] = tree.definitions["t"].nodes
    assert str(node) == written


def test_spaces_become_one() -> None:
    [node] = parse("t", "{{  print   .A  |print }}", {"print"}).definitions["t"].nodes
    assert isinstance(node, Action)
    assert str(node) == "{{print .A | print}}"
