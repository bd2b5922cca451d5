"""Sprig's functions about text, by way of templates."""

import pytest

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import ExecutionError
from webhook.gotemplate.template import parse_template


def render(text: str) -> str:
    return parse_template("t", text, sprig.FUNCTIONS).render({"l": ["b", None, "a", 3.0]})


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{{trim " a "}}{{upper "a"}}{{lower "A"}}{{title "ab cd"}}{{untitle "AB CD"}}', "aAaAb CdaB cD"),
        ('{{nospace " a b "}} {{initials "ab cd"}} {{swapcase "aB"}}', "ab ac Ab"),
        ('{{trimAll "$" "$a$"}} {{trimSuffix "-" "a-"}} {{trimPrefix "-" "-a"}}', "a a a"),
        ('{{contains "b" "abc"}} {{hasPrefix "a" "abc"}} {{hasSuffix "a" "abc"}}', "true true false"),
        (
            '{{snakecase "FirstName"}} {{kebabcase "FirstName"}} {{camelcase "first_name"}}',
            "first_name first-name FirstName",
        ),
        (
            '{{plural "one" "many" 2}} {{repeat 3 "ab"}} {{substr 1 3 "abcd"}} {{trunc 2 "abc"}} {{trunc -2 "abc"}}',
            "many ababab bc ab bc",
        ),
        ('{{substr -1 2 "abcd"}} {{substr 2 -1 "abcd"}} {{abbrev 5 "abcdefgh"}}', "ab cd ab..."),
        ('{{wrap 5 "aa bb cc"}}|{{wrapWith 5 "/" "aa bb cc"}}', "aa bb\ncc|aa bb/cc"),
        ('{{indent 2 "a\\nb"}}|{{nindent 1 "a"}}|{{replace "a" "b" "aa"}}', "  a\n  b|\n a|bb"),
        ('{{join "-" .l}} {{sortAlpha .l}} {{toStrings .l}} {{toString 1.5}}', "b-a-3 [3 a b] [b a 3] 1.5"),
        ('{{(split "," "a,b")._1}} {{splitList "," "a,b"}} {{(splitn "," 2 "a,b,c")._1}}', "b [a b] b,c"),
        ("{{quote .l nil 1}} {{squote `a` nil}} {{cat 1 nil `b`}}", '"[b <nil> a 3]" "1" \'a\' 1 b'),
        ('{{regexMatch "^a" "abc"}} {{regexFind "b+" "abbc"}} {{regexFindAll "b" "abcb" -1}}', "true bb [b b]"),
        ('{{regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W"}} {{regexReplaceAllLiteral "a" "aa" "$1"}}', "-W-xxW- $1$1"),
        ('{{regexSplit "," "a,b,c" 2}} {{regexSplit "," "a,b" -1}} {{regexQuoteMeta "a.b"}}', "[a b,c] [a b] a\\.b"),
    ],
)
def test_results(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.parametrize("text", ['{{repeat -1 "x"}}', '{{regexMatch "(" "x"}}'])
def test_complaints(text: str) -> None:
    with pytest.raises(ExecutionError):
        render(text)
