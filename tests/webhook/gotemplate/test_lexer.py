"""Templates cut into tokens."""

import pytest

from webhook.gotemplate.lexer import Kind, Lexer, Token


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in Lexer(text).scan()]


def test_text_and_action_are_told_apart() -> None:
    assert kinds("a{{.B}}c") == [
        (Kind.TEXT, "a"), (Kind.LEFT, "{{"), (Kind.FIELD, ".B"), (Kind.RIGHT, "}}"), (Kind.TEXT, "c"), (Kind.EOF, ""),
    ]  # fmt: skip


def test_trim_markers_eat_white_space_on_their_side() -> None:
    texts = [text for kind, text in kinds("a \n {{- 1 -}} \t b {{ 2 }} c") if kind is Kind.TEXT]
    assert texts == ["a", "b ", " c"]


def test_a_comment_leaves_nothing() -> None:
    assert [text for kind, text in kinds("a {{- /* {{ }} \n */ -}} b") if kind is Kind.TEXT] == ["a", "b"]


def test_lines_are_counted_through_everything() -> None:
    tokens = Lexer("\n{{/*\n*/}}\n{{ `\n` }}\n{{ .x }}").scan()
    assert [token.line for token in tokens if token.kind is Kind.FIELD] == [6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ ", "unclosed action"),
        ("{{/* x", "unclosed comment"),
        ("{{/* x */ y}}", "comment ends before closing delimiter"),
        ('{{ "x }}', "unterminated quoted string"),
        ("{{ `x }}", "unterminated raw quoted string"),
        ("{{ 'x }}", "unterminated character constant"),
        ("{{ (1 }}", "unclosed left paren"),
        ("{{ 1) }}", "unexpected right paren"),
        ("{{ $x: }}", "expected :="),
        ("{{ .x+2 }}", "bad character U+002B '+'"),
        ("{{ 1x }}", 'bad number syntax: "1x"'),
        ("{{ \x01 }}", "unrecognized character in action: U+0001"),
    ],
)
def test_what_is_malformed_is_named(text: str, message: str) -> None:
    last = Lexer(text).scan()[-1]
    assert (last.kind, last.text) == (Kind.ERROR, message)


def test_tokens_read_in_messages_as_go_shows_them() -> None:
    assert str(Token(Kind.EOF, "", 0, 1)) == "EOF"
    assert str(Token(Kind.KEYWORD, "end", 0, 1)) == "<end>"
    assert str(Token(Kind.STRING, '"a"', 0, 1)) == '"\\"a\\""'
    assert str(Token(Kind.TEXT, "a long enough text", 0, 1)) == '"a long eno"...'
